"""Cases with known figures for tests of advice: a model of 100 MB whose step takes as long as a test says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inference_bench.analysis.advice import advise
from inference_bench.analysis.advice.advice import CaseAdvice, ClassFinding
from inference_bench.analysis.advice.possible import ANYTHING, Possible
from inference_bench.ceilings import Ceilings, GemvRate, Interval, MatmulRate, ReadBandwidth
from inference_bench.demands import Demands
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, RunRecord, Summary
from inference_bench.spec import Setup
from tests.judging import result, summary

MS = 1_000_000
SECOND = 1_000_000_000
DEMANDS = Demands(100_000_000, 0, 25_000_000, 0, 0, operations_per_step=1000)
ENVIRONMENT = {"fingerprint": "abc", "cpu": {"usable": 2}}
RECORD = RunRecord(id="r", created_utc="2026-11-24T00:00:00+00:00", spec={}, environment=ENVIRONMENT, finished=True)
CALM = {
    "wall_ns": 10 * SECOND,
    "cpu_ns": 19 * SECOND,
    "minor_faults": 100,
    "major_faults": 0,
    "steal_ns": 0,
    "busy_ns": 19 * SECOND,
    "throttles": None,
    "system_ns": SECOND // 10,
    "quota_periods": 0,
    "quota_throttles": 0,
}
"""Both threads computed all the time, and nothing disturbed them."""


def near(value: float, width: float = 0.02) -> Interval:
    return Interval(value, value * (1 - width), value * (1 + width))


def ceilings(*, width: float = 0.02, operation_ns: float = 1000, launch_ns: float | None = None) -> Ceilings:
    """10 and 20 GB/s with 1 and 2 threads; 100 and 200 GFLOP/s in float32, twice that in bfloat16."""
    read = tuple(ReadBandwidth(count, 100_000_000, near(count * 10e9, width)) for count in (1, 2))
    rates = (("float32", 100e9), ("bfloat16", 200e9))
    matmul = tuple(MatmulRate(dtype, count, near(count * rate, width)) for dtype, rate in rates for count in (1, 2))
    launch = None if launch_ns is None else near(launch_ns)
    device = "cpu" if launch_ns is None else "cuda"
    return Ceilings("abc", device, "2026-11-26T00:00:00+00:00", read, matmul, near(operation_ns), launch)


def gemv(**rates: float) -> tuple[GemvRate, ...]:
    """Return the rates of products of one row with matrices of a million parameters, by dtype, with 2 threads."""
    return tuple(GemvRate(dtype, 2, 1_000_000, near(rate)) for dtype, rate in rates.items())


def timed(metric: str, phase: str, median_ns: float, width: float = 0.01, minimum: float | None = None) -> Summary:
    low, high = median_ns * (1 - width), median_ns * (1 + width)
    return summary(
        metric=metric,
        phase=phase,
        minimum=low if minimum is None else minimum,
        maximum=high,
        quantiles={"p50": Estimate(median_ns, low, high, "order statistics")},
    )


@dataclass(frozen=True)
class Only:
    """A run of these cases."""

    results: tuple[BenchmarkResult, ...]
    record: RunRecord = RECORD


def case(
    *summaries: Summary,
    demands: Demands | None = DEMANDS,
    usage: dict[str, Any] | None = None,
    setup: Setup | None = None,
    benchmark: str = "inference_speed",
    worker: dict[str, Any] | None = None,
    **parameters: int | str,
) -> BenchmarkResult:
    facts = {
        "usage": CALM | (usage or {}),
        "busy_threads": 2,
        "waited_ns": 0,
        "decision": {"targets": {"itl": True}},
        **(worker or {}),
    }
    model = {"weights": {"source": "hub", "trained": True}, **({"demands": asdict(demands)} if demands else {})}
    found = Case("tiny", benchmark, setup or Setup(threads=2), {"input_length": 8, "new_tokens": 4, **parameters})
    return result(*summaries, case=found, model=model, workers=(facts,))


def advised(
    *results: BenchmarkResult, held: Ceilings | None = None, possible: Possible = ANYTHING, known: bool = True
) -> CaseAdvice:
    """Return the advice on the first of some cases of one run."""
    return advise(Only(results), (held or ceilings()) if known else None, lambda _: possible).cases[0]


def finding(of: CaseAdvice, code: str, phase: str) -> ClassFinding:
    (found,) = [each for each in of.findings if (each.code, each.phase) == (code, phase)]
    return found
