"""From samples to statements: quantiles, their intervals, and what dependence costs them. Pure functions.

Everything here is built on ranks, so a result survives any increasing change of scale: the interval of a logarithm is
the logarithm of the interval. docs/statistics.md gives each rule, its source and what it does not claim.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, ndtri, stdtrit

from inference_bench.metrics import METRICS, get_metric
from inference_bench.result import Estimate, Samples, Stage, Summary
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Values = NDArray[np.int64 | np.float64]

QUANTILES: dict[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
LEVEL = 0.95
DEPENDENT = 0.1
"""Lag-1 autocorrelation from which samples are no longer treated as independent."""
MIN_BATCHES = 20
"""Fewer batches would estimate their own variance too badly."""

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
    the smallest ``u`` with ``P(X >= u) <= (1 - level) / 2``; None where there is no such rank.

    >>> interval_ranks(100, 0.5)
    (40, 61)
    >>> interval_ranks(100, 0.99)
    (97, None)
    """
    tail = _tail(level)
    low = bisect_right(range(n), tail, key=lambda k: float(bdtr(k, n, p)))
    high = 1 + bisect_left(range(n), -tail, key=lambda k: -float(bdtrc(k, n, p)))
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
    """
    n = len(values)
    if n < 3:
        return Dependence(None, 1, 0.0)
    ranks = _midranks(values)
    autocorrelation = remaining = _lag1(ranks)
    batch = 1
    while remaining > DEPENDENT and n // (2 * batch) >= MIN_BATCHES:
        batch *= 2
        remaining = _lag1(_batches(ranks, batch).mean(axis=1))
    return Dependence(autocorrelation, batch, remaining if remaining > DEPENDENT else 0.0)


def effective_sample_size(values: Values, p: float = 0.5, level: float = LEVEL) -> float:
    """Return how many independent samples the interval of the ``p`` quantile may count on.

    Args:
        values: at least one, in order of time.
        p: probability of the quantile; the tail depends less on its neighbours than the median does.
        level: confidence level of the interval to be made, for the discount on few batches.
    """
    return _worth(values, quantile(np.sort(values), p), dependence(values), level)


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


def _midranks(values: Values) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the middle one, since ranks in order of time would be a trend of our making."""
    n = len(values)
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(first, append=n)
    ranks = np.empty(n)
    ranks[order] = np.repeat(first + (counts - 1) / 2, counts)
    return ranks


def _lag1(series: NDArray[np.float64]) -> float:
    centred = series - series.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if total > 0 else 0.0


def _batches(series: NDArray[np.float64], batch: int) -> NDArray[np.float64]:
    count = len(series) // batch
    return series[: count * batch].reshape(count, batch)


def _worth(values: Values, cut: float, found: Dependence, level: float) -> float:
    """Independent samples that ``values`` are worth to the quantile estimated as ``cut``."""
    if found.batch == 1 and found.remaining == 0:
        return float(len(values))
    below = (values <= cut).astype(np.float64)
    batches = _batches(below - below.mean(), found.batch)
    efficiency = _efficiency(batches.sum(axis=1), batches.size, float(below.mean()), level)
    # What batching could not remove is taken for a first-order autoregression between the batches.
    return max(1.0, len(values) * efficiency * (1 - found.remaining) / (1 + found.remaining))


def _efficiency(sums: NDArray[np.float64], n: int, share: float, level: float) -> float:
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
    first, third = quantile(ordered, 0.25), quantile(ordered, 0.75)
    if first == third:
        return 0, 0

    def beyond(ranges: float) -> int:
        if ordered[0] > 0:
            ratio = (third / first) ** ranges
            low, high = first / ratio, third * ratio
        else:
            low, high = first - ranges * (third - first), third + ranges * (third - first)
        below, not_above = np.searchsorted(ordered, low, "left"), np.searchsorted(ordered, high, "right")
        return int(below + len(ordered) - not_above)

    severe = beyond(3)
    return beyond(1.5) - severe, severe


# Summaries


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


def summarise(
    metric: str,
    phase: str,
    values: NDArray[np.int64],
    runs: NDArray[np.int32],
    *,
    cold: float | None = None,
    converged: bool = True,
    stop_reason: str = "",
    level: float = LEVEL,
) -> Summary:
    """Return the statistics of one metric in one phase.

    With one run the intervals speak of that process (scope ``run``). With more, they speak of fresh processes (scope
    ``runs``): p50 is the median of the run medians; the other quantiles are pooled, and their intervals count each run
    as one batch, so that few runs that differ give a wide interval or none.

    Args:
        metric: tag.
        phase: as in ``Samples``.
        values: at least one, each run's in order of time.
        runs: the run of each value.
        cold: the first run's cold observation.
        converged: whether the stopping rule was met.
        stop_reason: why sampling stopped.
        level: confidence level.
    """
    ordered = np.sort(values)
    by_run = [values[runs == run] for run in np.unique(runs)]
    dependences = [dependence(run) for run in by_run]
    if len(by_run) == 1:
        quantiles = _one_run_quantiles(values, ordered, dependences[0], level)
    else:
        quantiles = _many_run_quantiles(by_run, ordered, level)
    mild, severe = _outliers(ordered)
    return Summary(
        metric=metric,
        phase=phase,
        n=len(values),
        runs=len(by_run),
        scope="run" if len(by_run) == 1 else "runs",
        level=level,
        cold=cold,
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
        mean=float(values.mean()),
        quantiles=quantiles,
        autocorrelation=_mean_autocorrelation(by_run, dependences),
        effective_n=sum(
            _worth(run, quantile(np.sort(run), 0.5), found, level)
            for run, found in zip(by_run, dependences, strict=True)
        ),
        outliers_mild=mild,
        outliers_severe=severe,
        converged=converged,
        stop_reason=stop_reason,
    )


def _one_run_quantiles(values: Values, ordered: Values, found: Dependence, level: float) -> dict[str, Estimate]:
    def estimate(p: float) -> Estimate:
        worth = _worth(values, quantile(ordered, p), found, level)
        return quantile_estimate(ordered, p, level, worth, is_sorted=True)

    return {name: estimate(p) for name, p in QUANTILES.items()}


def _many_run_quantiles(by_run: list[NDArray[np.int64]], ordered: Values, level: float) -> dict[str, Estimate]:
    medians = np.array([quantile(np.sort(run), 0.5) for run in by_run])
    tails = {name: _pooled_estimate(by_run, ordered, p, level) for name, p in QUANTILES.items() if name != "p50"}
    return {"p50": run_medians_estimate(medians, level), **tails}


def _pooled_estimate(by_run: list[NDArray[np.int64]], ordered: Values, p: float, level: float) -> Estimate:
    """Quantile of all runs' samples, its interval by taking each run as a batch."""
    n, cut = len(ordered), quantile(ordered, p)
    share = float(np.searchsorted(ordered, cut, "right")) / n
    sums = np.array([np.count_nonzero(run <= cut) - share * len(run) for run in by_run])
    worth = n * _efficiency(sums, n, share, level)
    estimate = quantile_estimate(ordered, p, level, worth, is_sorted=True)
    method = f"pooled over runs, {estimate.method}" if estimate.method else "pooled over runs, no interval"
    return replace(estimate, method=method)


def _mean_autocorrelation(by_run: list[NDArray[np.int64]], dependences: list[Dependence]) -> float | None:
    """Within runs only: the step from one run to the next says nothing about time."""
    pairs = zip(by_run, dependences, strict=True)
    known = [(len(run), of.autocorrelation) for run, of in pairs if of.autocorrelation is not None]
    return sum(n * rho for n, rho in known) / sum(n for n, _ in known) if known else None


def summarise_samples(
    samples: Samples,
    converged: Mapping[str, bool] | None = None,
    stop_reasons: Mapping[str, str] | None = None,
    level: float = LEVEL,
) -> tuple[Summary, ...]:
    """Return a summary per metric and phase over the measured samples, in order of first appearance.

    Args:
        samples: rows of each run in order of time.
        converged: by metric, whether the stopping rule was met; a metric that it did not watch is as good as all
            those that it did.
        stop_reasons: by metric, why sampling stopped.
        level: confidence level.
    """
    watched, reasons = converged or {}, stop_reasons or {}
    return tuple(
        summarise(
            metric,
            phase,
            samples.value[measured],
            samples.run[measured],
            cold=cold,
            converged=watched.get(metric, all(watched.values())),
            stop_reason=reasons.get(metric, ""),
            level=level,
        )
        for metric, phase, measured, cold in _groups(samples)
    )


def _groups(samples: Samples) -> Iterator[tuple[str, str, NDArray[np.intp], float | None]]:
    """Yield metric, phase, rows of the measured samples and the first run's cold value."""
    is_measured = samples.stage == Stage.MEASURED.value
    is_cold = samples.stage == Stage.COLD.value
    if len(samples):
        is_cold &= samples.run == samples.run.min()
    for metric in _distinct(samples.metric):
        of_metric = np.flatnonzero(samples.metric == metric)
        for phase in _distinct(samples.phase[of_metric]):
            rows = of_metric[samples.phase[of_metric] == phase]
            measured, cold = rows[is_measured[rows]], rows[is_cold[rows]]
            if len(measured):
                yield metric, phase, measured, float(samples.value[cold[0]]) if len(cold) else None


def _distinct(column: NDArray[np.str_]) -> Iterator[str]:
    """Yield the different texts of a column; far cheaper than sorting it, since they are few."""
    left = np.ones(len(column), bool)
    while left.any():
        text = str(column[left.argmax()])
        yield text
        left &= column != text


# Derived metrics


def derived_summary(tag: str, base: Summary, scale: float) -> Summary:
    """Return the summary of a rate, ``scale`` tokens over each of the base's durations.

    A rate falls as the duration rises, so ends swap: the fastest sample gives the largest rate. Only p50 is carried
    over: a rate's p90 would be the duration's p10, which is not what a reader of tails is after. The mean is tokens
    over total time, the harmonic mean of the rates.

    Raises:
        ValueError: the metric is not derived from the base's, or a duration is not positive.
    """
    if get_metric(tag).derived_from != base.metric:
        raise ValueError(f"{tag} is derived from {get_metric(tag).derived_from}, not from {base.metric}")
    if base.minimum <= 0:
        raise ValueError(f"{tag} needs positive durations, and the smallest {base.metric} is {base.minimum}")

    def rate(duration: float | None) -> float | None:
        return scale * NS_PER_S / duration if duration is not None and duration > 0 else None

    p50 = base.quantiles["p50"]
    return replace(
        base,
        metric=tag,
        cold=rate(base.cold),
        minimum=scale * NS_PER_S / base.maximum,
        maximum=scale * NS_PER_S / base.minimum,
        mean=scale * NS_PER_S / base.mean,
        quantiles={"p50": replace(p50, value=rate(p50.value), low=rate(p50.high), high=rate(p50.low))},
    )


def derived_summaries(summaries: Iterable[Summary], scales: Mapping[str, float]) -> tuple[Summary, ...]:
    """Return the derived metrics that these summaries allow.

    Args:
        summaries: of sampled metrics; one with a duration that is not positive has no rate and is passed over.
        scales: tokens per duration, by tag of the derived metric, such as
            ``{"prefill_rate": input_length, "decode_rate": 1}``.
    """
    return tuple(
        derived_summary(tag, base, scales[tag])
        for base in summaries
        for tag, metric in METRICS.items()
        if metric.derived_from == base.metric and tag in scales and base.minimum > 0
    )
