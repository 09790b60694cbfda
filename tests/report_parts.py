"""Results and runs for the tests of reports, and what a report says of them."""

from __future__ import annotations

import io
import re

from inference_bench.analysis.trust.case import judged
from inference_bench.plan import Case
from inference_bench.reports._report import open_report
from inference_bench.result import BenchmarkResult, Estimate, Failure, RunRecord, Status, Summary
from inference_bench.results.run import Run
from inference_bench.spec import Setup

TRAINED = {
    "title": "Tiny-1M",
    "parameters": 1_250_000,
    "weights": {"source": "package", "label": "Q4_1 of tiny 0.1", "trained": True, "digest": "abcdef0123456789"},
}


RANDOM = {"title": "Tiny-1M", "weights": {"source": "random", "label": "full architecture", "trained": False}}


RECORD = RunRecord(
    id="20261123T201530Z-3fa9c1",
    created_utc="2026-11-23T20:15:30+00:00",
    spec={},
    environment={"cpu": {"model": "A Processor", "usable": 2, "logical": 4}, "warnings": ["the governor is powersave"]},
    clock={"source": "tsc", "reason": "invariant", "resolution_ns": 0.4, "read_cost_ns": 9.5},
    floor={"ttft": {"p50": 900.0}},
    finished=True,
)


def case(length=32, benchmark="inference_speed", model="tiny", **setup):
    return Case(model, benchmark, Setup(**{"threads": 2, **setup}), {"input_length": length})


def summary(metric="ttft", phase="prefill", median=21.3e6, n=40, reach=0.005, **changes):
    quantiles = {
        "p50": Estimate(median, median * (1 - reach), median * (1 + reach), "order statistics, 40 samples worth 30")
        if n >= 6
        else Estimate(median, None, None, "", 6),
        "p90": Estimate(median * 1.1, median, median * 1.2, "order statistics")
        if n >= 36
        else Estimate(None, None, None, "", 36),
        "p99": Estimate(None, None, None, "", 368),
    }
    fields = {
        "runs": 1,
        "scope": "run",
        "level": 0.95,
        "cold": median * 10,
        "minimum": median,
        "maximum": median,
        "mean": median,
        "quantiles": quantiles,
        "autocorrelation": None,
        "effective_n": float(n),
        "outliers_mild": 0,
        "outliers_severe": 0,
        "converged": True,
        "stop_reason": "precise enough",
    }
    return Summary(metric, phase, n, **fields | changes)


def speed(length=32, **changes):
    found = (summary(), summary("itl", "decode", 1.5e6, 1240, effective_n=310.0), summary("prefill_rate", "", 1502.0))
    return BenchmarkResult(case(length), **{"status": Status.OK, "summaries": found, "model": TRAINED, **changes})


def memory():
    sizes = {"load": (1, 1.2e9), "prefill": (6, 1.31e9), "decode": (6, 1.32e9)}
    found = [
        summary(metric, phase, size, n, cold=None)
        for phase, (n, size) in sizes.items()
        for metric in ("rss_peak_hwm", "rss_growth")
    ]
    return BenchmarkResult(case(512, "memory_usage"), Status.OK, tuple(found), model=TRAINED)


CRASHED = BenchmarkResult(
    case(512),
    Status.CRASHED,
    model=TRAINED,
    failure=Failure(
        "the worker died of SIGSEGV", stderr_tail="first\n\x1b[31mFatal\x1b[0m [red]error[/red]\n", exit_status=-11
    ),
)


def render(name, *results, record=RECORD, run=None):
    stream = io.StringIO()
    open_report(name).render(run or Run(record, tuple(judged(each, record) for each in results)), stream)
    return stream.getvalue()


def words(text):
    """Join what was wrapped and drop what Markdown escaped."""
    return " ".join(re.sub(r"\\(?=\W|_)", "", text).split())
