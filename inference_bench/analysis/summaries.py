"""From a case's samples to its summaries, one per metric and phase, and to the metrics derived from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.modes import modes
from inference_bench.analysis.quantiles import (
    LEVEL,
    QUANTILES,
    SEVERE,
    Dependence,
    Values,
    dependence,
    efficiency,
    mean_estimate,
    quantile,
    quantile_estimate,
    run_medians_estimate,
    slope_estimate,
    tukey_fences,
    tukey_outliers,
    worth_of,
)
from inference_bench.analysis.steady_state import Steadiness, steadiness
from inference_bench.metrics import METRICS, Statistic, get_metric
from inference_bench.result import Estimate, Mode, Samples, Scores, Stage, Summary
from inference_bench.units import NS_PER_S


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
    interfered: NDArray[np.bool_] | None = None,
    beside_loader: int = 0,
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
        interfered: of each value, whether something interfered with its iteration; None if nobody looked.
        beside_loader: values that were taken while another model loaded.
    """
    ordered = np.sort(values)
    by_run = [values[runs == run] for run in np.unique(runs)]
    dependences = [dependence(run) for run in by_run]
    if len(by_run) == 1:
        quantiles = _one_run_quantiles(values, ordered, dependences[0], level)
    else:
        quantiles = _many_run_quantiles(by_run, ordered, level)
    mild, severe = tukey_outliers(ordered)
    disturbed = values[:0] if interfered is None else values[interfered]
    low, high = tukey_fences(ordered, SEVERE)
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
            worth_of(run, quantile(np.sort(run), 0.5), found, level)
            for run, found in zip(by_run, dependences, strict=True)
        ),
        outliers_mild=mild,
        outliers_severe=severe,
        converged=converged,
        stop_reason=stop_reason,
        steadiness=max(map(steadiness, by_run), key=list(Steadiness).index).value,
        modes=max(map(modes, by_run), key=len),
        interfered=len(disturbed),
        outliers_interfered=int(np.count_nonzero((disturbed < low) | (disturbed > high))),
        beside_loader=beside_loader,
    )


def _one_run_quantiles(values: Values, ordered: Values, found: Dependence, level: float) -> dict[str, Estimate]:
    def estimate(p: float) -> Estimate:
        worth = worth_of(values, quantile(ordered, p), found, level)
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
    worth = n * efficiency(sums, n, share, level)
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
            interfered=samples.interference[measured] != "",
            beside_loader=int(np.count_nonzero(samples.loader[measured] == "running")),
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


# Scored metrics


def summarise_scores(scores: Scores, level: float = LEVEL) -> tuple[Summary, ...]:
    """Return a summary per metric and task over the items, in order of first appearance.

    A second run that gives the same scores says nothing new, so only the first run of a task counts.

    Args:
        scores: as the workers sent them.
        level: confidence level.
    """
    return tuple(
        _score_summary(metric, task, scores.value[rows], scores.weight[rows], level)
        for metric, task, rows in _score_groups(scores)
    )


def _score_groups(scores: Scores) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    for task in _distinct(scores.task):
        of_task = np.flatnonzero(scores.task == task)
        of_task = of_task[scores.run[of_task] == scores.run[of_task].min()]
        for metric in _distinct(scores.metric[of_task]):
            yield metric, task, of_task[scores.metric[of_task] == metric]


def _score_summary(
    metric: str, task: str, values: NDArray[np.float64], weights: NDArray[np.float64], level: float
) -> Summary:
    statistic = METRICS[metric].statistic if metric in METRICS else Statistic.MEAN
    if statistic is Statistic.MAXIMUM:
        score = Estimate(float(values.max()), None, None, "largest of the items")
    elif statistic is Statistic.SLOPE:
        score = slope_estimate(values, level)
    elif statistic is Statistic.GEOMETRIC_MEAN:
        score = _exponential(mean_estimate(np.log(values), weights, level))
    else:
        score = mean_estimate(values, weights, level)
        if metric in METRICS and METRICS[metric].unit == "fraction":
            score = _share(score)
    return Summary(
        metric=metric,
        phase=task,
        n=len(values),
        runs=1,
        scope="items",
        level=level,
        cold=None,
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=float(np.average(values, weights=weights)),
        quantiles={},
        autocorrelation=None,
        effective_n=float(weights.sum() ** 2 / (weights**2).sum()),
        outliers_mild=0,
        outliers_severe=0,
        converged=True,
        stop_reason="every item scored",
        score=score,
    )


def _share(estimate: Estimate) -> Estimate:
    """Cut off what Student's t says of shares below 0 and above 1, which there are not."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, 0.0), high=min(estimate.high, 1.0))


def _exponential(of: Estimate) -> Estimate:
    """Return the estimate of exp(x), given that of x."""
    low, high = (None if end is None else math.exp(end) for end in (of.low, of.high))
    return replace(of, value=math.exp(of.value or 0.0), low=low, high=high, method=of.method and f"exp of {of.method}")


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
        modes=tuple(Mode(scale * NS_PER_S / mode.value, mode.share) for mode in reversed(base.modes)),
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
