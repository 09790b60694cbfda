"""Reading a working set, as Python sees it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from inference_bench._native import now_ns, read_bandwidth


def test_all_repetitions_come_back_with_what_each_read():
    found = read_bandwidth(1 << 20, 3, repetitions=7, least_ns=100_000)

    assert len(found["times_ns"]) == 7
    assert min(found["times_ns"]) > 0
    assert found["passes"] >= 1
    assert found["working_set_bytes"] == (1 << 20) // 3 // 512 * 512 * 3
    assert found["instructions"] in {"avx512f", "avx2", "sse2", "neon"}


def test_the_repetitions_lie_within_the_call():
    begin = now_ns()
    found = read_bandwidth(1 << 16, 2, repetitions=20, least_ns=200_000)
    assert sum(found["times_ns"]) <= now_ns() - begin


def test_other_threads_run_meanwhile_and_a_signal_ends_it():
    def interrupt(*_: object) -> None:
        raise KeyError("handled")

    previous = signal.signal(signal.SIGALRM, interrupt)
    begun = threading.Event()

    def disturb() -> None:  # would wait for ever if the call kept the GIL
        begun.wait()
        os.kill(os.getpid(), signal.SIGALRM)

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        with pytest.raises(KeyError, match="handled"):
            begun.set()
            read_bandwidth(1 << 16, 2, repetitions=1_000_000, least_ns=10_000_000_000)
    finally:
        signal.signal(signal.SIGALRM, previous)
        disturbing.join()


def test_its_threads_are_gone_afterwards():
    read_bandwidth(1 << 16, 4, repetitions=2, least_ns=0)
    assert "ib-read\n" not in {comm.read_text() for comm in Path("/proc/self/task").glob("*/comm")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((511, 1, 1, 0), "working_set_bytes must be from 512 to .*; given 511"),
        ((1024, 0, 1, 0), "threads must be from 1 to 4096; given 0"),
        ((1024, 1, 0, 0), "repetitions must be from 1 to 1000000; given 0"),
        ((1024, 1, 1, -1), "least_ns must be from 0 to 10000000000; given -1"),
        ((2**63, 1, 1, 0), "working_set_bytes must fit a signed 64-bit integer"),
    ],
)
def test_numbers_out_of_range_say_what_is_allowed(arguments: tuple[int, int, int, int], message: str):
    size, threads, repetitions, least_ns = arguments
    with pytest.raises(ValueError, match=message):
        read_bandwidth(size, threads, repetitions=repetitions, least_ns=least_ns)


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError):
        read_bandwidth("1 MiB", 1, repetitions=1, least_ns=0)
