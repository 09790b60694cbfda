from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from inference_bench.analysis.trust.case import Severity, grade
from inference_bench.cli._main import main
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Failure, Mode, RunRecord, Status, Summary
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Setup

RECORD = RunRecord(id="r", created_utc="2026-11-24T00:00:00+00:00", spec={}, environment={}, finished=True)
SECOND = 1_000_000_000
QUIET = {
    "wall_ns": 10 * SECOND,
    "cpu_ns": 20 * SECOND,
    "minor_faults": 100,
    "major_faults": 0,
    "involuntary_switches": 10,
    "gc_collections": 0,
    "steal_ns": 0,
    "cpu_pressure_ns": 0,
}


def summary(**changes):
    fields = {
        "metric": "ttft",
        "phase": "prefill",
        "n": 400,
        "runs": 6,
        "scope": "runs",
        "level": 0.95,
        "cold": None,
        "minimum": 1e6,
        "maximum": 1e6,
        "mean": 1e6,
        "quantiles": {"p50": Estimate(1e6, 0.99e6, 1.01e6, "order statistics")},
        "autocorrelation": 0.0,
        "effective_n": 400.0,
        "outliers_mild": 0,
        "outliers_severe": 0,
        "converged": True,
        "stop_reason": "interval narrow enough",
    }
    return Summary(**fields | changes)


def result(*summaries, usage=QUIET, workers=None, **changes):
    case = Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 32})
    fields = {
        "summaries": summaries or (summary(),),
        "model": {"weights": {"source": "hub", "trained": True}},
        "workers": workers if workers is not None else ({"usage": usage, "decision": {"targets": {"ttft": True}}},),
    }
    return BenchmarkResult(case, **{"status": Status.OK, **fields, **changes})


def codes(of, record=RECORD):
    return {finding.code: finding.severity for finding in grade(of, record).findings}


def test_an_undisturbed_result_gets_an_a():
    assert grade(result(), RECORD).letter == "A"
    assert codes(result()) == {}


@pytest.mark.parametrize(
    ("of", "code", "letter"),
    [
        (result(usage=QUIET | {"steal_ns": SECOND}), "steal", "C"),
        (result(usage=QUIET | {"cpu_pressure_ns": 2 * SECOND}), "contention", "C"),
        (result(usage=QUIET | {"cpu_ns": 10 * SECOND}), "idle_threads", "C"),
        (result(usage=QUIET | {"major_faults": 1}), "major_faults", "B"),
        (result(usage=QUIET | {"minor_faults": 10**6}), "page_faults", "B"),
        (result(usage=QUIET | {"gc_collections": 100}), "garbage_collector", "B"),
        (result(usage=QUIET | {"involuntary_switches": 5000}), "preempted", "B"),
        (result(workers=({"sampler": {"missed": 50, "samples": 100, "dropped": 0}},)), "missed_ticks", "B"),
        (result(workers=({"sampler": {"missed": 0, "samples": 100, "dropped": 3}},)), "dropped_readings", "C"),
        (result(summary(converged=False, stop_reason="time budget spent")), "not_converged", "C"),
        (result(summary(), summary(metric="e2e", converged=False)), "unwatched", "B"),
        (
            result(summary(n=4, effective_n=4.0, quantiles={"p50": Estimate(1e6, None, None, "", 6)})),
            "too_few_samples",
            "C",
        ),
        (result(summary(scope="run", runs=1)), "one_run", "B"),
        (result(summary(effective_n=10.0)), "dependent_samples", "B"),
        (result(summary(outliers_severe=30)), "outliers", "B"),
        (result(summary(beside_loader=40)), "beside_loader", "B"),
        (result(usage=QUIET | {"throttles": 3}), "throttled", "C"),
        (result(workers=({"spans": {"recorded": 10**6, "lost": 3}},)), "dropped_spans", "C"),
        (result(summary(modes=(Mode(0.9e6, 0.6), Mode(1.4e6, 0.4)))), "modes", "B"),
        (result(status=Status.CRASHED, failure=Failure("SIGSEGV")), "failed", "F"),
        (result(model={"weights": {"source": "random", "trained": False}}), "random_weights", "B"),
        (result(model={"weights": {"source": "hub", "trained": True, "scale": "reduced"}}), "reduced", "C"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_disturbance_is_found_and_graded(of, code, letter):
    assert code in codes(of)
    assert grade(of, RECORD).letter == letter
    for finding in grade(of, RECORD).findings:
        assert finding.evidence
        assert finding.consequence
        assert finding.remedy


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"cpu": {"governor": "powersave"}}, "governor"),
        ({"cpu": {"turbo": True}}, "turbo"),
        ({"load": {"cpu_waiting_percent_10s": 40.0}}, "pressure"),
        ({"system": {"hypervisor": "KVM"}}, "virtual"),
        ({"memory": {"swap_used_bytes": 4096}}, "swap"),
    ],
)
def test_the_machine_is_judged(environment, code):
    assert code in codes(result(), replace(RECORD, environment=environment))


def test_absent_facts_are_no_findings():
    environment = {"cpu": {"governor": "performance", "turbo": False}, "load": {"cpu_waiting_percent_10s": 0.0}}

    assert codes(result(), replace(RECORD, environment=environment)) == {}


def test_two_serious_findings_are_a_d():
    assert grade(result(usage=QUIET | {"steal_ns": SECOND, "cpu_pressure_ns": 2 * SECOND}), RECORD).letter == "D"


def test_scores_of_random_weights_are_worth_nothing():
    scored = summary(metric="accuracy", quantiles={}, score=Estimate(0.5, 0.4, 0.6, "Wilson score"))

    found = grade(result(scored, model={"weights": {"source": "random", "trained": False}}), RECORD)

    assert found.letter == "F"
    assert found.findings[0].severity is Severity.GRAVE


def test_a_fallen_back_clock_and_a_high_floor_are_found():
    record = replace(RECORD, clock={"source": "monotonic_raw", "resolution_ns": 1.0}, floor={"ttft": {"p50": 2e5}})

    assert codes(result(), record) == {"clock_fallback": Severity.MINOR, "floor": Severity.SERIOUS}


def test_a_disturbance_of_several_processes_is_told_once():
    stolen = {"usage": QUIET | {"steal_ns": SECOND}}

    (finding,) = grade(result(workers=(stolen, stolen, {"usage": QUIET})), RECORD).findings

    assert "likewise in 1 of 3 processes" in finding.evidence


def test_the_command_shows_findings_and_gates(tmp_path, capsys):
    folder = create_run_folder(tmp_path)
    sink = open_sinks(folder)
    sink.begin(RECORD)
    sink.write(result(usage=QUIET | {"steal_ns": SECOND}), RECORD)
    sink.finish(RECORD)

    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "serious: steal" in text
    assert "do: measure on a machine of your own" in text
    assert main(["check", str(folder), "--at-least", "B", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["cases"][0]["grade"] == "C"
    assert document["cases"][0]["findings"][0]["code"] == "steal"
    assert main(["check", str(folder), "--at-least", "Z"]) == 2
    assert main(["check", str(tmp_path / "none")]) == 2


def test_each_case_is_graded_as_it_ends_in_every_file_and_table(tmp_path, capsys):
    folder = create_run_folder(tmp_path)
    sink = open_sinks(folder)
    before = replace(RECORD, finished=False)
    inapplicable = replace(result(status=Status.NOT_APPLICABLE), case=Case("tiny", "batch_processing", Setup(), {}))
    sink.begin(before)
    sink.write(result(usage=QUIET | {"steal_ns": SECOND}), before)
    sink.write(inapplicable, before)

    stolen, other = json.loads((folder / "results.json").read_text())["results"]
    assert stolen["trust"] == {"grade": "C", "findings": ["steal"]}
    assert other["trust"] == {"grade": None, "findings": []}
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert [row["grade"] for row in rows] == ["C", ""]
    assert main(["report", str(folder), "--format", "markdown"]) == 0
    heading, _, row = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")][:3]
    assert [line.rsplit("|", 2)[1].strip() for line in (heading, row)] == ["grade", "C"]


def test_outliers_are_told_with_what_interfered():
    of = result(summary(outliers_severe=30, interfered=40, outliers_interfered=25))

    (found,) = (finding for finding in grade(of, RECORD).findings if finding.code == "outliers")

    assert "in 25 of 30 the kernel or the garbage collector interfered" in found.evidence


def test_modes_are_told_with_their_places_and_shares():
    of = result(summary(modes=(Mode(0.9e6, 0.6), Mode(1.4e6, 0.4))))

    (found,) = (finding for finding in grade(of, RECORD).findings if finding.code == "modes")

    assert "900 µs (60%), 1.40 ms (40%)" in found.evidence


def test_a_quantile_is_missed_only_where_it_is_asked_for(tmp_path, capsys):
    median = Estimate(1e6, 0.99e6, 1.01e6, "order statistics")
    few = result(summary(n=200, quantiles={"p50": median, "p99": Estimate(None, 0.9e6, None, "", 368)}))
    folder = create_run_folder(tmp_path)
    sink = open_sinks(folder)
    sink.begin(RECORD)
    sink.write(few, RECORD)
    sink.finish(RECORD)

    assert "too_few_for_quantile" not in codes(few)
    assert main(["check", str(folder), "--quantile", "p50", "--at-least", "A"]) == 0
    assert main(["check", str(folder), "--quantile", "p99", "--at-least", "B"]) == 1
    assert "too few samples for p99 (needs 368)" in capsys.readouterr().out
    assert main(["check", str(folder), "--quantile", "p98"]) == 2
