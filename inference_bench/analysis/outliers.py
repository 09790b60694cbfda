"""Tukey's fences and the outliers beyond them. Pure functions."""

from __future__ import annotations

import math

import numpy as np

from inference_bench.analysis.quantiles import Values, quantile

MILD, SEVERE = 1.5, 3.0
"""Interquartile ranges from the quartiles to an outlier (Tukey, 1977)."""


def tukey_outliers(values: Values) -> tuple[int, int]:
    """Count the mild outliers, beyond 1.5 interquartile ranges, and the severe ones, beyond 3 (not counted as mild).

    On the log scale, where latencies are closer to symmetric; on the linear one if a value is zero or negative.
    None are counted if the quartiles coincide, since there is no scale then.
    """
    ordered = np.sort(values)
    if len(ordered) == 0:
        return 0, 0
    severe = _beyond(ordered, tukey_fences(ordered, SEVERE))
    return _beyond(ordered, tukey_fences(ordered, MILD)) - severe, severe


def _beyond(ordered: Values, fences: tuple[float, float]) -> int:
    below, not_above = np.searchsorted(ordered, fences[0], "left"), np.searchsorted(ordered, fences[1], "right")
    return int(below + len(ordered) - not_above)


def tukey_fences(ordered: Values, ranges: float) -> tuple[float, float]:
    """Return the values beyond which outliers lie; infinite if the quartiles coincide.

    Args:
        ordered: at least one value, ascending.
        ranges: interquartile ranges from the quartiles.
    """
    first, third = quantile(ordered, 0.25), quantile(ordered, 0.75)
    if first == third:
        return -math.inf, math.inf
    if ordered[0] > 0:
        ratio = (third / first) ** ranges
        return first / ratio, third * ratio
    return first - ranges * (third - first), third + ranges * (third - first)
