from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.grade import Severity
from inference_bench.spec import Setup
from tests.judging import QUIET, SECOND, codes, finding, result, summary


@pytest.mark.parametrize(
    ("of", "code", "severity"),
    [
        (result(usage=QUIET | {"steal_ns": SECOND}), "steal", Severity.SERIOUS),
        (result(usage=QUIET | {"cpu_pressure_ns": 2 * SECOND}), "contention", Severity.SERIOUS),
        (result(usage=QUIET | {"memory_pressure_ns": SECOND // 5}), "memory_pressure", Severity.SERIOUS),
        (result(usage=QUIET | {"cpu_ns": 10 * SECOND}), "idle_threads", Severity.SERIOUS),
        (result(usage=QUIET | {"major_faults": 1}), "major_faults", Severity.MINOR),
        (result(usage=QUIET | {"minor_faults": 10**6}), "page_faults", Severity.MINOR),
        (result(usage=QUIET | {"gc_collections": 100}), "garbage_collector", Severity.MINOR),
        (result(usage=QUIET | {"involuntary_switches": 5000}), "preempted", Severity.MINOR),
        (result(usage=QUIET | {"throttles": 3}), "throttled", Severity.SERIOUS),
        (result(workers=({"sampler": {"missed": 50, "samples": 100, "dropped": 0}},)), "missed_ticks", Severity.MINOR),
        (
            result(workers=({"sampler": {"missed": 0, "samples": 100, "dropped": 3}},)),
            "dropped_readings",
            Severity.SERIOUS,
        ),
        (result(workers=({"spans": {"recorded": 10**6, "lost": 3}},)), "dropped_spans", Severity.SERIOUS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_disturbance_of_a_process_is_found(of, code, severity):
    assert codes(of) == {code: severity}


@pytest.mark.parametrize(
    "usage",
    [{}, None, {"wall_ns": 0, "steal_ns": SECOND}, QUIET | {"steal_ns": None, "cpu_ns": None}, {"steal_ns": SECOND}],
)
def test_unknown_counters_are_no_findings(usage):
    assert codes(result(usage=usage)) == {}


def test_a_process_that_was_not_timed_may_be_idle():
    assert codes(result(workers=({"usage": QUIET | {"cpu_ns": 0}},))) == {}


def test_a_function_has_no_claim_to_the_threads_of_the_set_up():
    usage = QUIET | {"cpu_ns": 10 * SECOND}
    of_function = {"usage": usage, "decision": {"targets": {"call_time": True}}}
    of_model = {"usage": usage, "decision": {"targets": {"forward_time": True}}}

    assert codes(result(summary(metric="call_time"), workers=(of_function,))) == {}
    assert codes(result(summary(metric="forward_time"), workers=(of_model,))) == {"idle_threads": Severity.SERIOUS}


def test_contention_names_what_other_processes_used():
    usage = QUIET | {"cpu_pressure_ns": 5 * SECOND, "busy_ns": 32 * SECOND}

    assert "50% of the time while measuring; other processes used 1.2 CPUs" in (
        finding("contention", result(usage=usage)).evidence
    )


def test_threads_that_feed_a_gpu_may_wait():
    of = result(usage=QUIET | {"cpu_ns": SECOND})
    on_gpu = replace(of, case=replace(of.case, setup=Setup("cuda", threads=2)))

    assert codes(on_gpu) == {}


@pytest.mark.parametrize(("threads", "found"), [(1, {"steal", "preempted"}), (4, set())])
def test_steal_and_preemption_are_judged_per_thread(threads, found):
    usage = QUIET | {"cpu_ns": 10 * threads * SECOND, "steal_ns": SECOND // 4, "involuntary_switches": 2000}
    of = result(usage=usage)

    assert set(codes(replace(of, case=replace(of.case, setup=Setup(threads=threads))))) == found


def test_a_disturbance_of_several_processes_is_told_once():
    stolen = {"usage": QUIET | {"steal_ns": SECOND}}

    assert "(in 2 of 3 processes; the first is quoted)" in (
        finding("steal", result(workers=(stolen, stolen, {"usage": QUIET}))).evidence
    )
    assert "(in all 2 processes; the first is quoted)" in finding("steal", result(workers=(stolen, stolen))).evidence
