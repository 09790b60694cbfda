"""The harness floor: the times of the null model, measured on the same path as every other model."""

from __future__ import annotations

from collections.abc import Iterable

from inference_bench.metrics import is_derived
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult
from inference_bench.spec import ENDPOINT, Limits, Setup
from inference_bench.units import NS_PER_S

MODEL = "null"
BENCHMARK = "inference_speed"
"""The floor is measured for the steps of a generation; other benchmarks time the same steps or far longer ones."""

_OF_ENGINE = "llama_bench"
"""A view that is one engine's own definition: the null model has no such engine."""

FLOOR_LIMITS = Limits(min_samples=1000, warmup_iterations=50, budget_ns=NS_PER_S)
"""Thousands of intervals of about a microsecond: enough for p99, in a fraction of a second."""


def floor_cases(cases: Iterable[Case]) -> list[Case]:
    """Return the null-model cases that measure the floor of these: one per view of inference speed among them.

    An endpoint has a floor of its own, that of a null server.
    """
    here = [case for case in cases if case.benchmark == BENCHMARK and case.setup.device != ENDPOINT]
    first = {view: case for case in reversed(here) if (view := case.parameters.get("view")) != _OF_ENGINE}
    return [
        Case(MODEL, BENCHMARK, Setup(threads=case.setup.threads, seed=case.setup.seed), case.parameters)
        for case in first.values()
    ]


def floor_of(results: Iterable[BenchmarkResult]) -> dict[str, dict[str, float]]:
    """Return metric tag → quantile → nanoseconds, for the quantiles that the samples support."""
    return {
        summary.metric: {
            name: estimate.value for name, estimate in summary.quantiles.items() if estimate.value is not None
        }
        for result in results
        for summary in result.summaries
        if not is_derived(summary.metric)
    }
