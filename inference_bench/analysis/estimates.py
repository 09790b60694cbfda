"""Estimates with their intervals: quantiles, medians of runs, means and slopes. Pure functions."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from inference_bench.analysis.dependence import effective_sample_size
from inference_bench.analysis.quantiles import LEVEL, Values, needed_samples, quantile, stretched_ranks, tail_of
from inference_bench.result import Estimate

MAX_EXPONENT = 700.0
"""``exp`` of more overflows a float."""


def quantile_estimate(
    values: Values, p: float, level: float = LEVEL, effective_n: float | None = None, *, is_sorted: bool = False
) -> Estimate:
    """Return a quantile with its order-statistic interval.

    If the samples are too few for an interval with two ends, the value is withheld (40 samples have no p99) and only
    the end that exists is given. The median is the exception: its value is given without an interval. If the samples
    are enough but worth too few independent ones, the value is given and an end is missing.

    Args:
        values: in any order, unless ``is_sorted``.
        p: probability.
        level: confidence level.
        effective_n: independent samples that these are worth; all of them if None.
        is_sorted: True if ``values`` ascend already.
    """
    n = len(values)
    needs = needed_samples(p, level)
    if n == 0:
        return Estimate(None, None, None, needs=needs)
    ordered = values if is_sorted else np.sort(values)
    worth = n if effective_n is None else max(1, min(n, math.floor(effective_n)))
    low, high = stretched_ranks(n, p, level, worth)
    return Estimate(
        value=quantile(ordered, p) if n >= needs or p == 0.5 else None,
        low=None if low is None else float(ordered[low - 1]),
        high=None if high is None else float(ordered[high - 1]),
        method=_method(n, worth, (low, high).count(None)),
        needs=None if worth >= needs else math.ceil(needs * n / worth),
    )


def _method(n: int, worth: int, missing_ends: int) -> str:
    if missing_ends == 2:
        return ""
    words = ["order statistics"]
    if worth < n:
        words.append(f"{n} samples worth {worth} independent ones")
    if missing_ends:
        words.append("one end only")
    return ", ".join(words)


def median_estimate(values: Values, level: float = LEVEL) -> Estimate:
    """Return the median of samples in order of time, with an interval that allows for their dependence."""
    if len(values) == 0:
        return quantile_estimate(values, 0.5, level)
    worth = effective_sample_size(values, 0.5, level)
    return quantile_estimate(values, 0.5, level, worth)


def split_halves_agree(values: Values, level: float = LEVEL) -> bool:
    """Return whether each half's median lies in the other half's interval; False if a half is too small for one."""
    middle = len(values) // 2
    first, second = median_estimate(values[:middle], level), median_estimate(values[middle:], level)
    return _within(first.value, second) and _within(second.value, first)


def _within(value: float | None, interval: Estimate) -> bool:
    if value is None or interval.low is None or interval.high is None:
        return False
    return interval.low <= value <= interval.high


def relative_width(estimate: Estimate) -> float | None:
    """Return the interval's width over the estimate's size; None if an end is missing or the estimate is zero."""
    if estimate.low is None or estimate.high is None or estimate.value is None:
        return None
    width = estimate.high - estimate.low
    if width == 0:
        return 0.0
    return width / abs(estimate.value) if estimate.value else None


def run_medians_estimate(medians: Values, level: float = LEVEL) -> Estimate:
    """Return the median of run medians, with an interval for fresh processes.

    Order statistics from 6 runs on (at 95 %); Student's t below that, on the logarithms if all are positive; no
    interval for one run. For an even number of runs the value is the mean of the middle two: the lower of them would
    favour the side with fewer runs.
    """
    runs = len(medians)
    value = float(np.median(medians))
    if runs >= needed_samples(0.5, level):
        return replace(quantile_estimate(medians, 0.5, level), value=value, method="order statistics of run medians")
    if runs == 1:
        return Estimate(value, None, None, needs=2)
    positive = bool(np.all(medians > 0))
    scaled = np.log(medians) if positive else medians.astype(np.float64)
    reach = float(stdtrit(runs - 1, (1 + level) / 2)) * float(scaled.std(ddof=1)) / math.sqrt(runs)
    ends = (float(scaled.mean()) - reach, float(scaled.mean()) + reach)
    # Capped: the interval of two wildly different runs exceeds the range of a float.
    low, high = (math.exp(min(end, MAX_EXPONENT)) for end in ends) if positive else ends
    method = "Student's t of log run medians" if positive else "Student's t of run medians"
    return Estimate(value, min(low, value), max(high, value), method)


def mean_estimate(
    values: NDArray[np.float64], weights: NDArray[np.float64], level: float = LEVEL, *, may_be_answers: bool = True
) -> Estimate:
    """Return the weighted mean of independent items with its interval.

    Right or wrong answers of equal weight get Wilson's score interval, which holds near 0 and 1 where the normal one
    does not (Wilson 1927; Brown, Cai and DasGupta 2001). Anything else gets Student's t interval of a ratio estimator:
    the mean is ``sum(w x) / sum(w)``, and its variance that of the residuals ``w (x - mean)`` (Cochran 1977, 6.4).

    Args:
        values: shape (n,), at least one.
        weights: shape (n,), positive.
        level: confidence level.
        may_be_answers: False if values of 0 and 1 are no wrong and right answers.
    """
    n, total = len(values), float(weights.sum())
    mean = float((values * weights).sum() / total)
    if may_be_answers and np.isin(values, (0.0, 1.0)).all() and (weights == weights[0]).all():
        return Estimate(mean, *_wilson(round(values.sum()), n, level), "Wilson score")
    if n < 2:
        return Estimate(mean, None, None, needs=2)
    residuals = weights * (values - mean)
    error = math.sqrt(n / (n - 1) * float((residuals**2).sum())) / total
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return Estimate(mean, mean - half, mean + half, "Student's t of the weighted mean")


def _wilson(right: int, n: int, level: float) -> tuple[float, float]:
    """Return the ends of Wilson's score interval of a share of ``n`` answers."""
    z = float(ndtri((1 + level) / 2))
    middle = (right + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * math.sqrt(right * (n - right) / n + z**2 / 4)
    return (0.0 if right == 0 else middle - half), (1.0 if right == n else middle + half)


def slope_estimate(values: NDArray[np.float64], level: float = LEVEL) -> Estimate:
    """Return the Theil-Sen slope of values over their positions: the median of the slopes between any two of them.

    The interval inverts Kendall's test with the exact distribution of its statistic (Sen 1968); at 95 % it needs five
    values. It holds for noise of any distribution, as long as the noise is independent.

    Args:
        values: shape (n,), in order.
        level: confidence level.
    """
    n = len(values)
    needs = needed_positions(level)
    if n < 2:
        return Estimate(None, None, None, needs=needs)
    slopes = pairwise_slopes(values)
    value = float(np.median(slopes))
    if n < needs:
        return Estimate(value, None, None, needs=needs)
    # The number of pairs in the wrong order, over all orders of n values that have no trend.
    cut = int(np.searchsorted(np.cumsum(inversions(n)), tail_of(level), "right"))
    return Estimate(value, float(slopes[cut - 1]), float(slopes[-cut]), "Theil-Sen, exact Kendall")


def needed_positions(level: float = LEVEL) -> int:
    """Return how many values the interval of a slope needs at least.

    >>> needed_positions(0.95)
    5
    """
    return next(m for m in range(2, 100) if 1 / math.factorial(m) <= tail_of(level))


def pairwise_slopes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slopes between any two of the values, ascending, shape (n (n - 1) / 2,)."""
    earlier, later = np.triu_indices(len(values), 1)
    return np.sort((values[later] - values[earlier]) / (later - earlier))


@lru_cache
def inversions(n: int) -> NDArray[np.float64]:
    """Return the probability of 0, 1, 2 … inversions in a random order of ``n`` values.

    The last of m values makes 0 to m - 1 inversions, each as likely: a moving mean of m terms.
    """
    shares = np.ones(1)
    for m in range(2, n + 1):
        sums = np.concatenate([[0.0], np.cumsum(shares)])
        ends = np.arange(1, len(shares) + m)
        half = (sums[np.minimum(ends, len(shares))] - sums[np.maximum(ends - m, 0)])[: (len(shares) + m) // 2] / m
        shares = np.concatenate([half, half[: (len(shares) + m - 1) // 2][::-1]])  # symmetric; the small end is exact
    return shares
