from __future__ import annotations

import gc
import os
import time

import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.machine.interference import Interference
from inference_bench.spec import Limits


def test_a_collection_is_told_and_forgotten():
    with Interference() as interference:
        gc.collect()
        assert "gc" in interference.words().split("+")
        interference.begin()
        assert "gc" not in interference.words().split("+")


def test_nothing_is_left_behind():
    before = list(gc.callbacks)

    with Interference():
        assert len(gc.callbacks) == len(before) + 1

    assert gc.callbacks == before


def test_losing_the_processor_to_another_is_told():
    """Two spin on one processor: the kernel must take it from one to give it to the other."""
    allowed = os.sched_getaffinity(0)
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(allowed)})
        while True:
            pass
    try:
        os.sched_setaffinity(0, {min(allowed)})
        with Interference() as interference:
            until = time.perf_counter_ns() + 10 * 10**9
            while "preempted" not in interference.words() and time.perf_counter_ns() < until:
                pass
            assert "preempted" in interference.words()
    finally:
        os.sched_setaffinity(0, allowed)
        os.kill(child, 9)
        os.waitpid(child, 0)


def columns_of(leave_at=None):
    measurement = Measurement(Limits(max_samples=40, min_samples=30, warmup_iterations=1))
    for iteration in measurement.iterations(("ttft",)):
        if iteration.index == 5:
            gc.collect()
        iteration.record("ttft", 1000 + iteration.index % 3)
        iteration.record("e2e", 2000)
        if iteration.index == leave_at:
            break
    return measurement.columns()


def test_every_sample_of_a_disturbed_iteration_is_marked():
    columns = columns_of()

    assert len(columns["interference"]) == len(columns["value"])
    marked = [of for of, words in zip(columns["iteration"], columns["interference"], strict=True) if "gc" in words]
    assert marked.count(5) == 2


@pytest.mark.parametrize("leave_at", [0, 1, 7])
def test_an_iteration_that_is_left_early_keeps_its_samples_unmarked(leave_at):
    columns = columns_of(leave_at)

    assert len(columns["interference"]) == len(columns["value"]) == 2 * (leave_at + 1)
    assert columns["interference"][-1] == ""
