"""Each class: a case that belongs to it, one that does not, and one of which it cannot be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.analysis.advice import advise
from inference_bench.analysis.advice.advice import Outcome
from inference_bench.analysis.advice.rules import CLASS_RULES
from inference_bench.result import Failure, Status
from inference_bench.spec import Setup
from tests.advised import CALM, DEMANDS, MS, SECOND, Only, advised, case, ceilings, finding, timed

HOLDS, FAILS, OPEN = Outcome.HOLDS, Outcome.FAILS, Outcome.OPEN


def decode(milliseconds, width=0.01, **facts):
    return case(timed("itl", "decode", milliseconds * MS, width), **facts)


def prefill(milliseconds, width=0.01, **facts):
    return case(timed("ttft", "prefill", milliseconds * MS, width), **facts)


def process(**facts):
    return decode(20, **facts)


def load(milliseconds, width, page_cache):
    return case(timed("load_time", "total", milliseconds * MS, width), benchmark="loading", page_cache=page_cache)


def requests(milliseconds, shortest):
    return case(timed("request_ttft", "", milliseconds * MS, minimum=shortest * MS), benchmark="serving_load")


def on_gpu(milliseconds, width=0.01):
    return decode(milliseconds, width, setup=Setup(device="cuda"))


CASES = {
    # 100 MB at 20 GB/s take 5 ms.
    ("memory_bound", "decode"): (decode(6), decode(15), decode(8.3)),
    # 25 M parameters x 8 tokens x 2 at 200 GFLOP/s take 2 ms; the bytes would take 5 ms.
    ("compute_bound", "prefill"): tuple(
        prefill(time, demands=replace(DEMANDS, weight_bytes=1_000_000)) for time in (2.5, 9, 3.33)
    ),
    # 1000 operations of 1 µs take 1 ms.
    ("overhead_bound", "decode"): tuple(
        decode(time, demands=replace(DEMANDS, weight_bytes=1_000_000)) for time in (1.2, 9, 2)
    ),
    ("oversubscribed", "process"): (
        process(worker={"busy_threads": 4, "waited_ns": 20 * SECOND}),
        process(worker={"busy_threads": 2, "waited_ns": 20 * SECOND}),
        process(worker={"busy_threads": 4, "waited_ns": None}),
    ),
    ("idle_threads", "process"): (
        process(usage={"cpu_ns": 11 * SECOND}),
        process(),
        process(usage={"cpu_ns": 11 * SECOND}, worker={"waited_ns": None}),
    ),
    ("waiting", "process"): (
        process(usage={"cpu_ns": SECOND}),
        process(),
        process(usage={"cpu_ns": SECOND, "quota_throttles": None}),
    ),
    ("throttled", "process"): (
        process(usage={"quota_periods": 100, "quota_throttles": 80}),
        process(usage={"quota_periods": 100, "quota_throttles": 1}),
        process(usage={"quota_throttles": None}),
    ),
    ("noisy_neighbour", "process"): (
        process(usage={"busy_ns": 30 * SECOND}, worker={"waited_ns": 9 * SECOND}),
        process(),
        process(usage={"busy_ns": None}, worker={"waited_ns": 9 * SECOND}),
    ),
    ("allocation_churn", "process"): (
        process(usage={"system_ns": 9 * SECOND, "minor_faults": 9_000_000}),
        process(usage={"system_ns": 9 * SECOND}),  # the kernel's time, but not by faults
        process(usage={"system_ns": None}),
    ),
}


@pytest.mark.parametrize("code_and_phase", CASES)
@pytest.mark.parametrize("outcome", [HOLDS, FAILS, OPEN])
def test_a_class_holds_or_not_or_cannot_be_told(code_and_phase, outcome):
    code, phase = code_and_phase
    measured = CASES[code_and_phase][(HOLDS, FAILS, OPEN).index(outcome)]

    found = finding(advised(measured), code, phase)

    assert found.outcome is outcome, found
    assert found.evidence
    assert bool(found.needs) == (outcome is OPEN)


@pytest.mark.parametrize(("milliseconds", "outcome"), [(5, HOLDS), (40, FAILS), (10, OPEN)])
def test_a_step_on_a_gpu_is_launch_bound_if_launches_explain_it(milliseconds, outcome):
    found = advised(on_gpu(milliseconds), held=ceilings(launch_ns=5000))

    assert finding(found, "launch_bound", "decode").outcome is outcome
    assert not [each for each in found.findings if each.code == "overhead_bound"]


@pytest.mark.parametrize(("warm", "outcome"), [(300, HOLDS), (950, FAILS), (700, OPEN)])
def test_a_cold_load_is_bound_by_the_disk_if_a_warm_one_is_quicker(warm, outcome):
    found = advised(load(1000, 0.05, "cold"), load(warm, 0.05, "warm"))

    assert finding(found, "disk_bound_load", "load").outcome is outcome


def test_a_cold_load_alone_says_what_would_tell():
    found = finding(advised(load(1000, 0.05, "cold")), "disk_bound_load", "load")

    assert found.outcome is OPEN
    assert "page_cache=warm,cold" in found.needs


@pytest.mark.parametrize(("shortest", "outcome"), [(10, HOLDS), (90, FAILS), (50, OPEN)])
def test_requests_are_queue_bound_if_they_wait_longer_than_the_quickest_takes(shortest, outcome):
    assert finding(advised(requests(100, shortest)), "queue_bound", "requests").outcome is outcome


def test_every_class_is_tested():
    elsewhere = {"launch_bound", "disk_bound_load", "queue_bound"}

    assert {rule.code for rule in CLASS_RULES} == {code for code, _ in CASES} | elsewhere


def test_stolen_time_and_heat_are_further_ways_to_belong_to_a_class():
    stolen = advised(process(usage={"steal_ns": SECOND}))
    hot = advised(process(usage={"throttles": 3}))

    assert finding(stolen, "noisy_neighbour", "process").outcome is HOLDS
    assert finding(hot, "throttled", "process").outcome is HOLDS


def test_without_ceilings_it_says_what_tells_them():
    found = finding(advised(decode(6), known=False), "memory_bound", "decode")

    assert (found.outcome, found.needs) == (OPEN, "the machine's ceilings: run `ceilings`")


def test_a_model_that_cannot_be_counted_is_judged_by_its_processes_only():
    found = advised(decode(6, demands=None, usage={"cpu_ns": SECOND}))

    assert finding(found, "memory_bound", "decode").outcome is OPEN
    assert "what the model asks for" in finding(found, "memory_bound", "decode").needs
    assert finding(found, "waiting", "process").outcome is HOLDS


def test_a_ceiling_that_the_case_exceeds_is_none():
    found = finding(advised(decode(3)), "memory_bound", "decode")  # 100 MB in 3 ms, where 20 GB/s were measured

    assert found.outcome is OPEN
    assert "a ceiling that the case does not exceed" in found.needs
    assert "run `ceilings` again while the machine is quiet" in found.needs


def test_all_processes_must_be_on_one_side():
    calm = decode(6)
    slept = {**calm.workers[0], "usage": CALM | {"cpu_ns": SECOND}}

    assert finding(advised(replace(calm, workers=(calm.workers[0], slept))), "waiting", "process").outcome is OPEN


def test_a_failed_case_says_how_it_ended():
    failed = replace(decode(6), status=Status.CRASHED, failure=Failure("killed by signal 9"))

    found = advised(failed)

    assert (found.findings, found.problem) == ((), "the case ended as crashed: killed by signal 9")


def test_a_case_without_a_time_names_what_it_has():
    found = advised(replace(case(timed("rss_peak_hwm", "decode", 5)), workers=()))

    assert found.problem.startswith("it has rss_peak_hwm, expected the time of a phase")


def test_an_endpoint_is_judged_by_its_queue_only():
    remote = Setup(device="endpoint", dtype="as_served", weights="none")

    assert "serving_load" in advised(decode(6, setup=remote)).problem
    loaded = case(timed("request_ttft", "", 100 * MS, minimum=10 * MS), setup=remote, benchmark="serving_load")
    assert [each.code for each in advised(loaded).findings] == ["queue_bound"]


def test_the_cpu_that_was_left_to_loaders_is_none_that_the_process_may_use():
    crowded = Only((process(worker={"busy_threads": 2, "waited_ns": 20 * SECOND}),))

    for policy, outcome in (("freeze", FAILS), ("partition", HOLDS)):
        of = replace(crowded, record=replace(crowded.record, overlap={"policy": policy}))
        assert finding(advise(of, ceilings()).cases[0], "oversubscribed", "process").outcome is outcome
