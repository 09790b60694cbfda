"""An undisturbed result to be judged, and variations of it."""

from __future__ import annotations

from inference_bench.analysis.trust.case import grade
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, RunRecord, Status, Summary
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
    fields = {
        "case": Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 32}),
        "summaries": summaries or (summary(),),
        "model": {"weights": {"source": "hub", "trained": True}},
        "workers": workers if workers is not None else ({"usage": usage, "decision": {"targets": {"ttft": True}}},),
    }
    return BenchmarkResult(**{"status": Status.OK, **fields, **changes})


def codes(of, record=RECORD):
    return {finding.code: finding.severity for finding in grade(of, record).findings}


def finding(code, of, record=RECORD):
    (found,) = (finding for finding in grade(of, record).findings if finding.code == code)
    return found
