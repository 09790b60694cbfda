"""A finding counts only against what it can move: every rule on every metric of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.analysis.trust.case import grade
from inference_bench.metrics import METRICS, Quantity
from tests.judging import QUIET, RECORD, SECOND, codes, result, summary

BUSY = QUIET | {
    "steal_ns": SECOND,
    "cpu_pressure_ns": 9 * SECOND,
    "memory_pressure_ns": SECOND,
    "major_faults": 5,
    "minor_faults": 10**7,
    "involuntary_switches": 10**6,
    "gc_collections": 1000,
    "throttles": 3,
    "cpu_ns": SECOND,
}
MACHINE = {
    "cpu": {"governor": "powersave", "turbo": True},
    "system": {"hypervisor": "KVM"},
    "memory": {"swap_used_bytes": 4096},
    "power": {"on_battery": True},
    "python": {"debug_build": True},
}
CLOCK = {"source": "monotonic_raw", "suspends": 2}
OF_MEMORY = {"swap", "memory_pressure", "debug_build"}
OF_TIME = {
    *("governor", "turbo", "virtual", "battery", "clock_fallback", "clock_trouble", "steal", "contention"),
    *("preempted", "throttled", "major_faults", "page_faults", "garbage_collector"),
}
EXPECTED = {Quantity.OUTPUT: set(), Quantity.MEMORY: OF_MEMORY, Quantity.TIME: OF_MEMORY | OF_TIME}


def disturbed(*metrics):
    workers = ({"usage": BUSY, "clock": CLOCK, "decision": {"targets": {}}},)
    return result(*(summary(metric=metric) for metric in metrics), workers=workers)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.tag)
def test_what_a_busy_machine_says_of_each_metric(metric):
    assert set(codes(disturbed(metric.tag), replace(RECORD, environment=MACHINE))) == EXPECTED[metric.quantity]


def test_accuracy_on_a_busy_machine_is_an_a():
    assert grade(disturbed("accuracy", "perplexity"), replace(RECORD, environment=MACHINE)).letter == "A"


@pytest.mark.parametrize("metrics", [("accuracy", "ttft"), ("a_plugins_own",)])
def test_one_figure_of_time_or_an_unknown_one_suffices(metrics):
    assert set(codes(disturbed(*metrics), replace(RECORD, environment=MACHINE))) == OF_MEMORY | OF_TIME
