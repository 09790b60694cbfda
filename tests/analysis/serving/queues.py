"""Requests with known truth: independent ones, and those of a queue whose distribution has a closed form."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.serving.request_figures import LATENCY, RequestFigures
from inference_bench.units import NS_PER_MS

_FORGOTTEN = 2_000
"""Requests after which a queue that began empty has forgotten its beginning."""


def requests_of(
    *runs: NDArray[np.float64], failed: float = 0.0, figure: str = LATENCY, gap_ms: float = 1.0
) -> RequestFigures:
    """Return requests with these figures in milliseconds, one array per run; every 1/``failed``-th one failed."""
    values = np.concatenate(runs) * NS_PER_MS
    planned = np.concatenate([np.arange(len(run)) * gap_ms * NS_PER_MS for run in runs]).astype(np.int64)
    is_failed = np.zeros(len(values), bool)
    if failed:
        is_failed[:: round(1 / failed)] = True
    return RequestFigures(
        run=np.repeat(np.arange(len(runs), dtype=np.int32), [len(run) for run in runs]),
        planned_ns=planned,
        ended_ns=planned + np.nan_to_num(values).astype(np.int64),
        failed=is_failed,
        unseen=np.zeros(len(values), bool),
        figures={figure: values},
    )


def queue(load: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the latencies of consecutive requests of an M/M/1 queue in its steady state, mean service time 1.

    Lindley's recursion; the latency is exponential with rate 1 - ``load``, so every quantile is known exactly.
    """
    gaps, services = rng.exponential(1 / load, n + _FORGOTTEN), rng.exponential(1.0, n + _FORGOTTEN)
    steps = np.concatenate([[0.0], np.cumsum(services[:-1] - gaps[1:])])
    waits: NDArray[np.float64] = steps - np.minimum.accumulate(steps)
    return (waits + services)[_FORGOTTEN:]


def queue_quantile(load: float, p: float) -> float:
    """Return the exact quantile of the latencies of ``queue``."""
    return -math.log(1 - p) / (1 - load)
