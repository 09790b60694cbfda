"""The memory sampler among threads, forks and signals, and what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from inference_bench import _native
from tests.children import run_in_child
from tests.native.memory_use import BIG, touch, wait_for_samples

# ---- life


def test_start_and_stop_a_thousand_times():
    sampler = _native.MemorySampler(interval_ns=3_600_000_000_000)
    for _ in range(1_000):
        sampler.start()
        sampler.stop()
    assert not sampler.running
    assert sampler.stats()["samples"] == 2_000  # one as it starts, one as it stops, though the interval is an hour


def test_several_at_once():
    samplers = [_native.MemorySampler(interval_ns=1_000_000) for _ in range(8)]
    for sampler in samplers:
        sampler.start()
    for sampler in samplers:
        wait_for_samples(sampler)
        sampler.stop()
    assert all(len(s.columns()["rss_bytes"]) == s.stats()["samples"] >= 2 for s in samplers)


def test_threads_may_share_one():
    sampler = _native.MemorySampler(interval_ns=100_000, budget=1.0)
    errors = []

    def use() -> None:
        try:
            for _ in range(100):
                sampler.mark_phase("shared")
                sampler.columns()
                sampler.phases()
                sampler.stats()
        except BaseException as error:
            errors.append(error)

    with sampler:
        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(sampler.phases()) == 400


def test_full_columns_drop_and_count():
    sampler = _native.MemorySampler(capacity=3)
    for _ in range(4):
        sampler.start()
        sampler.stop()
    stats = sampler.stats()
    assert len(sampler.columns()["rss_bytes"]) == 3
    assert stats["dropped"] == stats["samples"] - 3 > 0


def test_the_budget_lengthens_the_interval():
    with _native.MemorySampler(interval_ns=100_000, budget=1e-4) as sampler:
        while sampler.stats()["lengthened"] == 0:
            time.sleep(0.01)
    stats = sampler.stats()
    assert stats["interval_ns"] == 100_000
    assert stats["present_interval_ns"] == 100_000 * 2 ** stats["lengthened"]
    assert stats["duty"] > 0


def test_a_forked_child_sees_it_stopped_and_may_start_it_again():
    sampler = _native.MemorySampler(interval_ns=1_000_000)

    def check() -> None:
        assert not sampler.running
        (phase,) = sampler.phases()
        assert phase["end_ns"] is not None
        assert phase["rss_end_bytes"] is None
        sampler.stop()
        with pytest.raises(RuntimeError, match="not running"):
            sampler.mark_phase("child")
        before = _native.rss_bytes()
        with sampler:
            sampler.mark_phase("child")
            block = touch()
            wait_for_samples(sampler)
        assert sampler.phases()[-1]["sampled_peak_bytes"] >= before + 0.5 * BIG
        del block

    with sampler:
        sampler.mark_phase("parent")
        wait_for_samples(sampler)
        assert run_in_child(check) == 0
        assert sampler.running
        wait_for_samples(sampler)
    assert [p["name"] for p in sampler.phases()] == ["parent"]


def test_forks_while_other_threads_use_samplers_do_not_deadlock():
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            with _native.MemorySampler(interval_ns=100_000) as sampler:
                sampler.mark_phase("x")
                _native.clock_recalibrate()

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()

    def check() -> None:
        with _native.MemorySampler() as sampler:
            sampler.mark_phase("child")
        _native.now_ns()

    try:
        assert [run_in_child(check) for _ in range(20)] == [0] * 20
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_interpreter_may_exit_while_it_runs():
    code = "from inference_bench import _native; s = _native.MemorySampler(interval_ns=100_000); s.start()"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_signals_reach_python_and_not_the_sampler():
    got = []
    previous = signal.signal(
        signal.SIGUSR1, lambda *_: got.append(threading.current_thread() is threading.main_thread())
    )
    try:
        with _native.MemorySampler(interval_ns=100_000):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert got == [True]


# ---- refusals


def test_starting_twice_is_an_error_and_stopping_twice_is_not():
    sampler = _native.MemorySampler()
    sampler.stop()
    with sampler:
        assert sampler.running
        with pytest.raises(RuntimeError, match="running already"):
            sampler.start()
    sampler.stop()
    assert not sampler.running
    sampler.start()
    sampler.stop()
    assert sampler.stats()["samples"] >= 4


def test_a_phase_needs_a_running_sampler():
    with pytest.raises(RuntimeError, match=r"'load'.*not running"):
        _native.MemorySampler().mark_phase("load")


def test_an_exception_passes_through_and_stops_it():
    sampler = _native.MemorySampler()
    with pytest.raises(KeyError), sampler:
        raise KeyError
    assert not sampler.running


def test_an_unused_sampler_is_empty():
    sampler = _native.MemorySampler()
    assert sampler.columns()["time_ns"].tolist() == []
    assert sampler.phases() == []
    assert sampler.stats()["samples"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval_ns": 99_999}, "interval_ns must be from 100000 to 3600000000000; given 99999"),
        ({"interval_ns": -1}, "interval_ns must be"),
        ({"capacity": 0}, "capacity must be from 1 to 268435456 samples; given 0"),
        ({"capacity": 2**40}, "capacity must be"),
        ({"budget": 0.0}, "budget must be above 0 and at most 1 core; given 0.0"),
        ({"budget": float("nan")}, "budget must be"),
        ({"budget": 1.5}, "budget must be"),
    ],
)
def test_options_out_of_range_say_what_is_allowed(options: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        _native.MemorySampler(**options)


def test_options_of_the_wrong_type():
    with pytest.raises(TypeError):
        _native.MemorySampler(interval_ns="10ms")


def test_an_empty_phase_name_is_refused():
    with _native.MemorySampler() as sampler, pytest.raises(ValueError, match="must not be empty"):
        sampler.mark_phase("")
