"""Series of samples that the tests of ``analysis`` share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from inference_bench.analysis.summaries import MetricSamples, summarise
from inference_bench.metrics import QUANTILES
from inference_bench.result import Estimate, Summary

PROBABILITIES = tuple(QUANTILES.values())
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
samples_of_any_kind = st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=200).map(np.array)


def autoregressive(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    """A stationary normal AR(1) series of variance 1."""
    series = rng.standard_normal(n)
    for i in range(1, n):
        series[i] = rho * series[i - 1] + np.sqrt(1 - rho**2) * series[i]
    return series


def nanoseconds(values: np.ndarray) -> np.ndarray:
    return np.rint(values * 1e6).astype(np.int64)


def one_run(values: np.ndarray, cold: float | None = None, stop_reason: str = "") -> Summary:
    samples = MetricSamples("ttft", "prefill", values, np.zeros(len(values), np.int32), cold)
    return summarise(samples, stop_reason=stop_reason)


def covers(estimate: Estimate, truth: float) -> bool:
    return (estimate.low is None or estimate.low <= truth) and (estimate.high is None or truth <= estimate.high)
