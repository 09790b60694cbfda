"""The slow, plain ways of exact rank statistics, to check the fast ones against."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from inference_bench.analysis.change_points import LEAST
from inference_bench.analysis.margin import MARGIN
from inference_bench.analysis.quantiles import tail_of


@lru_cache(maxsize=4096)
def mann_whitney(m, n):
    """Return the probability of each U, by the recurrence on the side that holds the largest value."""
    if m == 0 or n == 0:
        return np.ones(1)
    return (m * np.pad(mann_whitney(m - 1, n), (n, 0)) + n * np.pad(mann_whitney(m, n - 1), (0, m))) / (m + n)


def shift_and_interval(before, after, level):
    """Return the Hodges-Lehmann shift and its exact interval, from all sorted differences."""
    differences = np.sort(np.subtract.outer(after, before), axis=None)
    outside = np.count_nonzero(np.cumsum(mann_whitney(len(before), len(after))) <= tail_of(level)) - 1
    interval = None if outside < 0 else (differences[outside], differences[-1 - outside])
    return float(np.median(differences)), interval


def changes(values, level=0.95):
    """Return the changes by looking at the interval of every split."""
    strict = 1 - (1 - level) / max(1, len(values) - 2 * LEAST + 1)
    return dict(sorted(_splits(values, 0, strict)))


def _splits(values, first, level):
    if len(values) < 2 * LEAST or min(values) <= 0:
        return []
    logs, best = np.log(np.array(values)), None
    for place in range(LEAST, len(logs) - LEAST + 1):
        shift, interval = shift_and_interval(logs[:place], logs[place:], level)
        beyond = 0.0 if interval is None else max(interval[0], -interval[1]) - math.log1p(MARGIN)
        if beyond > 0 and (best is None or beyond > best[0]):
            best = beyond, place, math.expm1(shift)
    if best is None:
        return []
    _, place, change = best
    return [
        *_splits(values[:place], first, level),
        (first + place, change),
        *_splits(values[place:], first + place, level),
    ]
