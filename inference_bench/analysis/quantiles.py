"""From samples to statements: quantiles, their intervals, and what dependence costs them. Pure functions.

Everything here is built on ranks, so a result survives any increasing change of scale: the interval of a logarithm is
the logarithm of the interval. docs/statistics.md gives each rule, its source and what it does not claim.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, ndtri, stdtrit

from inference_bench.result import Estimate

Values = NDArray[np.int64 | np.float64]

QUANTILES: dict[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
LEVEL = 0.95
MILD, SEVERE = 1.5, 3.0
"""Interquartile ranges from the quartiles to an outlier (Tukey, 1977)."""
DEPENDENT = 0.1
"""Lag-1 autocorrelation from which samples are no longer treated as independent."""
MIN_BATCHES = 20
"""Fewer batches would estimate their own variance too badly."""

_SIGNIFICANT = 1.645
"""Standard errors that a lag-1 autocorrelation exceeds by chance in 5 % of independent series (Bartlett, 1946)."""

_ROUNDING = 1e-9
"""Slack for products such as 0.07 * 100, which exceeds 7 in binary."""


# Quantiles and the ranks of their intervals


def quantile(ordered: Values, p: float) -> float:
    """Return the inverse of the empirical distribution, ``ordered[ceil(n p) - 1]``: always a sample, no interpolation.

    Args:
        ordered: at least one value, ascending.
        p: probability.
    """
    return float(ordered[_rank(len(ordered), p) - 1])


def _rank(n: int, p: float) -> int:
    return min(n, max(1, math.ceil(n * p - _ROUNDING)))


def _tail(level: float) -> float:
    # The slack keeps a tail that is exactly allowed (n = 2, level 0.5) from failing in the last bit.
    return (1 - level) / 2 * (1 + _ROUNDING)


@lru_cache(maxsize=4096)
def interval_ranks(n: int, p: float, level: float = LEVEL) -> tuple[int | None, int | None]:
    """Return the ranks (from 1) whose values enclose the ``p`` quantile, whatever the distribution.

    With ``X ~ Binomial(n, p)``, the lower is the largest ``l`` with ``P(X <= l - 1) <= (1 - level) / 2`` and the upper
    the smallest ``u`` with ``P(X >= u) <= (1 - level) / 2``; None where there is no such rank. Ranks are whole numbers,
    and far out those two probabilities are often well below what is allowed: above the median the lower rank then
    moves up as long as both together are not above ``1 - level``. The upper one, which service levels are stated by,
    stays where it is.

    >>> interval_ranks(100, 0.5)
    (40, 61)
    >>> interval_ranks(100, 0.99)
    (97, None)
    """
    tail = _tail(level)
    low = bisect_right(range(n), tail, key=lambda k: float(bdtr(k, n, p)))
    high = 1 + bisect_left(range(n), -tail, key=lambda k: -float(bdtrc(k, n, p)))
    if low and high <= n and p > 0.5:
        missed_above = float(bdtrc(high - 1, n, p))
        while float(bdtr(low, n, p)) + missed_above <= 2 * tail:
            low += 1
    return low or None, high if high <= n else None


def needed_samples(p: float, level: float = LEVEL) -> int:
    """Return the smallest ``n`` for which a two-sided interval of the ``p`` quantile exists.

    >>> [needed_samples(p) for p in (0.5, 0.9, 0.95, 0.99, 0.999)]
    [6, 36, 72, 368, 3688]
    """
    return math.ceil(math.log(_tail(level)) / math.log(max(p, 1 - p)) - _ROUNDING)


def _ranks_of(n: int, p: float, level: float, effective: int) -> tuple[int | None, int | None]:
    """Ranks for ``effective`` independent samples, stretched over ``n``; rounded outwards, around the estimate."""
    low, high = interval_ranks(effective, p, level)
    stretch, rank = n / effective, _rank(n, p)
    if low is not None:
        low = min(rank, math.floor((low - 0.5) * stretch + 0.5))
    if high is not None:
        high = max(rank, math.ceil((high - 0.5) * stretch + 0.5))
    return low, high


def quantile_estimate(
    values: Values, p: float, level: float = LEVEL, effective_n: float | None = None, *, is_sorted: bool = False
) -> Estimate:
    """Return a quantile with its order-statistic interval.

    Where the samples are too few for an interval with two ends, the value is withheld (a p99 of 40 samples is no p99)
    and only the end that exists is given. The median is the exception: its value stands, without an interval. Samples
    that are enough in number but not in worth keep their value and lose an end.

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
    low, high = _ranks_of(n, p, level, worth)
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


def relative_width(estimate: Estimate) -> float | None:
    """Return the interval's width over the estimate's size; None without two ends, or around zero."""
    if estimate.low is None or estimate.high is None or estimate.value is None:
        return None
    width = estimate.high - estimate.low
    if width == 0:
        return 0.0
    return width / abs(estimate.value) if estimate.value else None


# Dependence: what samples in order of time are worth


@dataclass(frozen=True, slots=True)
class Dependence:
    """How far samples in order of time depend on their neighbours.

    Attributes:
        autocorrelation: lag-1, of the ranks: one spike of a hundred times the median would hide any dependence
            between the values themselves. None under 3 samples, 0 for constant ones.
        batch: consecutive samples to take together, a power of two; 1 if they are independent as they are.
        remaining: lag-1 autocorrelation that is left between batches; above 0 only if no batch size removes it.
    """

    autocorrelation: float | None
    batch: int
    remaining: float


def dependence(values: Values) -> Dependence:
    """Return the smallest batch whose mean ranks are independent, or the largest that leaves ``MIN_BATCHES``.

    Only a positive autocorrelation counts: a negative one makes an interval wider than it had to be, not too narrow.
    Samples too few for batches estimate it with an error of ``1/sqrt(n)``; there it counts only where it is
    significant, or else every third interval of a dozen independent samples would be given up for nothing.
    """
    n = len(values)
    if n < 3:
        return Dependence(None, 1, 0.0)
    ranks = midranks(values)
    autocorrelation = remaining = lag1(ranks)
    batch = 1
    if n < 2 * MIN_BATCHES and autocorrelation * math.sqrt(n) <= _SIGNIFICANT:
        return Dependence(autocorrelation, 1, 0.0)
    while remaining > DEPENDENT and n // (2 * batch) >= MIN_BATCHES:
        batch *= 2
        remaining = lag1(batches_of(ranks, batch).mean(axis=1))
    return Dependence(autocorrelation, batch, remaining if remaining > DEPENDENT else 0.0)


def effective_sample_size(values: Values, p: float = 0.5, level: float = LEVEL) -> float:
    """Return how many independent samples the interval of the ``p`` quantile may count on.

    Args:
        values: at least one, in order of time.
        p: probability of the quantile; the tail depends less on its neighbours than the median does.
        level: confidence level of the interval to be made, for the discount on few batches.
    """
    return worth_of(values, quantile(np.sort(values), p), dependence(values), level)


def median_estimate(values: Values, level: float = LEVEL) -> Estimate:
    """Return the median of samples in order of time, its interval widened as far as they depend on each other."""
    if len(values) == 0:
        return quantile_estimate(values, 0.5, level)
    worth = effective_sample_size(values, 0.5, level)
    return quantile_estimate(values, 0.5, level, worth)


def split_halves_agree(values: Values, level: float = LEVEL) -> bool:
    """Whether each half's median lies in the other half's interval; False where a half is too small to have one."""
    middle = len(values) // 2
    first, second = median_estimate(values[:middle], level), median_estimate(values[middle:], level)
    return _within(first.value, second) and _within(second.value, first)


def _within(value: float | None, interval: Estimate) -> bool:
    if value is None or interval.low is None or interval.high is None:
        return False
    return interval.low <= value <= interval.high


def midranks(values: Values) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the middle one, since ranks in order of time would be a trend of our making."""
    n = len(values)
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(first, append=n)
    ranks = np.empty(n)
    ranks[order] = np.repeat(first + (counts - 1) / 2, counts)
    return ranks


def lag1(series: NDArray[np.float64]) -> float:
    centred = series - series.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if total > 0 else 0.0


def batches_of(series: NDArray[np.float64], batch: int) -> NDArray[np.float64]:
    count = len(series) // batch
    return series[: count * batch].reshape(count, batch)


def worth_of(values: Values, cut: float, found: Dependence, level: float) -> float:
    """Independent samples that ``values`` are worth to the quantile estimated as ``cut``."""
    if found.batch == 1 and found.remaining == 0:
        return float(len(values))
    below = (values <= cut).astype(np.float64)
    batches = batches_of(below - below.mean(), found.batch)
    share = efficiency(batches.sum(axis=1), batches.size, float(below.mean()), level)
    # What batching could not remove is taken for a first-order autoregression between the batches.
    return max(1.0, len(values) * share * (1 - found.remaining) / (1 + found.remaining))


def efficiency(sums: NDArray[np.float64], n: int, share: float, level: float) -> float:
    """Independent samples that one sample is worth to a quantile, by the method of batch means.

    The variance that the share of samples below the quantile shows between batches, over the one that independent
    samples would show; times the square of Student's t over the normal quantile, since a variance from few batches is
    itself uncertain.

    Args:
        sums: one per batch: samples at or below the quantile, less ``share`` of the batch.
        n: samples in all batches.
        share: share of all samples that are at or below the quantile.
        level: confidence level.
    """
    independent = n * share * (1 - share)
    if independent == 0:
        return 1.0
    count = len(sums)
    inflation = float(sums @ sums) * count / (count - 1) / independent
    upper = (1 + level) / 2
    discount = float(stdtrit(count - 1, upper) / ndtri(upper)) ** 2
    return 1 / max(1.0, inflation * discount)


# Outliers


def tukey_outliers(values: Values) -> tuple[int, int]:
    """Count the values beyond 1.5 (mild) and beyond 3 (severe, not counted as mild) interquartile ranges.

    On the log scale, where latencies are closer to symmetric; on the linear one if a value is zero or negative.
    None are counted where the quartiles coincide: there is no scale to judge by.
    """
    return _outliers(np.sort(values))


def _outliers(ordered: Values) -> tuple[int, int]:
    if len(ordered) == 0:
        return 0, 0

    def beyond(fences: tuple[float, float]) -> int:
        below, not_above = np.searchsorted(ordered, fences[0], "left"), np.searchsorted(ordered, fences[1], "right")
        return int(below + len(ordered) - not_above)

    severe = beyond(tukey_fences(ordered, SEVERE))
    return beyond(tukey_fences(ordered, MILD)) - severe, severe


def tukey_fences(ordered: Values, ranges: float) -> tuple[float, float]:
    """Return the values beyond which outliers lie; none do where the quartiles coincide.

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


# Inference over runs


def run_medians_estimate(medians: Values, level: float = LEVEL) -> Estimate:
    """Return the median of run medians, with an interval that speaks of fresh processes.

    Order statistics from 6 runs on (at 95 %); Student's t below that, on the logarithms if all are positive; no
    interval for one run. Of an even number of runs the value is the mean of the middle two: the lower of them would
    favour whoever made fewer runs.
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
    # Capped: two wildly different runs reach further than a float does.
    low, high = (math.exp(min(end, 700.0)) for end in ends) if positive else ends
    method = "Student's t of log run medians" if positive else "Student's t of run medians"
    return Estimate(value, min(low, value), max(high, value), method)


def mean_estimate(values: NDArray[np.float64], weights: NDArray[np.float64], level: float = LEVEL) -> Estimate:
    """Return the weighted mean of independent items with its interval.

    Right or wrong answers of equal weight get Wilson's score interval, which holds near 0 and 1 where the normal one
    does not (Wilson 1927; Brown, Cai and DasGupta 2001). Anything else gets Student's t interval of a ratio estimator:
    the mean is ``sum(w x) / sum(w)``, and its variance that of the residuals ``w (x - mean)`` (Cochran 1977, 6.4).

    Args:
        values: shape (n,), at least one.
        weights: shape (n,), positive.
        level: confidence level.
    """
    from scipy import stats

    n, total = len(values), float(weights.sum())
    mean = float((values * weights).sum() / total)
    if np.isin(values, (0.0, 1.0)).all() and (weights == weights[0]).all():
        interval = stats.binomtest(round(values.sum()), n).proportion_ci(level, method="wilson")
        return Estimate(mean, float(interval.low), float(interval.high), "Wilson score")
    if n < 2:
        return Estimate(mean, None, None, needs=2)
    residuals = weights * (values - mean)
    error = math.sqrt(n / (n - 1) * float((residuals**2).sum())) / total
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return Estimate(mean, mean - half, mean + half, "Student's t of the weighted mean")


# Trend


def slope_estimate(values: NDArray[np.float64], level: float = LEVEL) -> Estimate:
    """Return the Theil-Sen slope of values over their positions: the median of the slopes between any two of them.

    The interval inverts Kendall's test with the exact distribution of its statistic (Sen 1968), which takes five
    values at 95 %. It holds whatever the distribution of the noise, as long as the noise is independent.

    Args:
        values: shape (n,), in order.
        level: confidence level.
    """
    n = len(values)
    needs = next(m for m in range(2, 100) if 1 / math.factorial(m) <= _tail(level))
    if n < 2:
        return Estimate(None, None, None, needs=needs)
    earlier, later = np.triu_indices(n, 1)
    slopes = np.sort((values[later] - values[earlier]) / (later - earlier))
    value = float(np.median(slopes))
    if n < needs:
        return Estimate(value, None, None, needs=needs)
    # The number of pairs in the wrong order, over all orders of n values that have no trend.
    cut = int(np.searchsorted(np.cumsum(_inversions(n)), _tail(level), "right"))
    return Estimate(value, float(slopes[cut - 1]), float(slopes[-cut]), "Theil-Sen, exact Kendall")


@lru_cache
def _inversions(n: int) -> NDArray[np.float64]:
    """Return the probability of 0, 1, 2 … inversions in a random order of ``n`` values."""
    shares = np.ones(1)
    for m in range(2, n + 1):
        shares = np.convolve(shares, np.full(m, 1 / m))
    return shares
