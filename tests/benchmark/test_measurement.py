"""Functions timed call by call, in blocks, under the stopping rule of every other case."""

from __future__ import annotations

import gc
import time

import pytest

from inference_bench.benchmark.measurement import Measurement
from inference_bench.errors import UnknownNameError
from inference_bench.result import Stage
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_MS, NS_PER_S

LIMITS = Limits(min_samples=500, max_samples=500, warmup_iterations=2, relative_width=1e-9, budget_ns=60 * NS_PER_S)


def test_each_call_is_a_sample_and_none_is_left_out():
    calls = []
    measurement = Measurement(LIMITS)

    returned = measurement.time_calls("call_time", lambda: calls.append(None) or len(calls))

    columns = measurement.columns()
    assert returned == len(calls) == len(columns["value"]) == 3 + 500
    assert columns["stage"] == ["cold"] + ["warmup"] * 2 + ["measured"] * 500
    assert columns["iteration"] == list(range(503))
    assert columns["start_ns"] == sorted(columns["start_ns"])
    assert all(value > 0 for value in columns["value"])


def test_the_time_of_a_call_is_its_own():
    measurement = Measurement(LIMITS)

    measurement.time_calls("call_time", time.sleep, (0.001,))

    values = measurement.columns()["value"]
    assert min(values) >= NS_PER_MS
    # In the middle, for a busy machine lets some sleepers lie.
    assert sorted(values)[len(values) // 4] < 20 * NS_PER_MS


def test_short_calls_share_the_counters_around_a_block_and_long_ones_have_their_own():
    calls = iter(range(10**6))

    def collect():
        if next(calls) == 20:
            gc.collect()
        time.sleep(0.002)  # longer than a block

    measurement = Measurement(Limits(min_samples=30, max_samples=40, warmup_iterations=1, relative_width=1e-9))
    measurement.time_calls("call_time", collect)
    columns = measurement.columns()

    marked = [i for i, words in zip(columns["iteration"], columns["interference"], strict=True) if "gc" in words]
    assert marked == [20]


def test_what_a_call_raises_ends_the_timing():
    calls = iter(range(100))

    def fail():
        if next(calls) == 10:
            raise ValueError("the tenth")

    measurement = Measurement(LIMITS)
    with pytest.raises(ValueError, match="the tenth"):
        measurement.time_calls("call_time", fail)
    assert len(measurement.columns()["interference"]) == len(measurement.columns()["value"]) < 10


def test_a_metric_that_nobody_declared_is_refused_before_anything_is_called():
    with pytest.raises(UnknownNameError):
        Measurement(LIMITS).time_calls("cal_time", lambda: pytest.fail("called"))


@pytest.mark.parametrize("budgets", [None, 1, 5])
@pytest.mark.parametrize(("budget_ns", "expected"), [(1, 1), (3600 * NS_PER_S, 5)])
def test_repetitions_keep_to_the_budget_if_they_are_bounded(budget_ns, expected, budgets):
    told = []
    measurement = Measurement(Limits(budget_ns=budget_ns), on_progress=told.append)

    taken = [iteration.stage for iteration in measurement.repetitions(5, budgets=budgets)]

    measured = expected if budgets else 5
    assert taken == [Stage.COLD] + [Stage.MEASURED] * measured
    assert measurement.decision.converged == (measured == 5)
    assert ("time budget spent after 1 of 5 repetitions" in measurement.notes) == (measured == 1)
    assert told  # a pass that says nothing would count as hung
