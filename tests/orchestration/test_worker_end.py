from __future__ import annotations

import signal

import pytest

from inference_bench.orchestration.worker_end import end_of, tail
from inference_bench.result import Status


@pytest.mark.parametrize(
    ("before", "after", "status", "words"),
    [
        (0, 0, Status.CRASHED, "not by the kernel"),
        (4, 4, Status.CRASHED, "not by the kernel"),
        (4, 5, Status.OOM, "memory ran out"),
        (None, 5, Status.CRASHED, "does not tell"),
        (4, None, Status.CRASHED, "does not tell"),
        (None, None, Status.CRASHED, "does not tell"),
    ],
)
def test_memory_ran_out_only_if_the_kernel_has_counted_it(before, after, status, words):
    found, cause = end_of(-signal.SIGKILL, before, after)

    assert found is status
    assert words in cause
    assert "SIGKILL" in cause


@pytest.mark.parametrize("number", sorted(set(signal.Signals) - {signal.SIGKILL}))
def test_any_other_signal_is_a_crash_whatever_the_kernel_counts(number):
    assert end_of(-number, 0, 1) == (Status.CRASHED, f"the worker died of {number.name}")


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_an_exit_is_a_crash_with_its_status(code):
    assert end_of(code, 0, 1) == (Status.CRASHED, f"the worker exited with status {code}")


def test_the_tail_of_a_log(tmp_path):
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"x" * 5000 + b"\xff end \n")
    assert tail(log).endswith("\ufffd end")
    assert len(tail(log)) <= 4096
