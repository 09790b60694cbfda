"""From the scores of items to summaries, one per metric and task. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import mean_estimate, run_medians_estimate, slope_estimate
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.analysis.summaries import distinct
from inference_bench.metrics import Statistic, is_measured_anew, statistic_of, unit_of
from inference_bench.result import Estimate, Scores, Summary


def summarise_scores(scores: Scores, level: float = LEVEL) -> tuple[Summary, ...]:
    """Return a summary per metric and task, in order of first appearance.

    Of a metric whose items are the replicates, only the first run counts: a second one gives the same scores and adds
    no information. Of one that each process measures anew, each run has a figure, and the summary is over these.

    Args:
        scores: as the workers sent them.
        level: confidence level.
    """
    return tuple(_summary(metric, task, by_run, level) for metric, task, by_run in _groups(scores))


def score_estimate(
    metric: str, values: NDArray[np.float64], weights: NDArray[np.float64], level: float = LEVEL
) -> Estimate:
    """Return the figure over the items of one process that the metric's statistic asks for.

    Args:
        metric: tag; an unknown one has a mean.
        values: shape (n,), at least one, in the order of the items.
        weights: shape (n,), positive.
        level: confidence level.
    """
    statistic = statistic_of(metric)
    if statistic is Statistic.MAXIMUM:
        return Estimate(float(values.max()), None, None, "largest of the items")
    if statistic is Statistic.SLOPE:
        return slope_estimate(values, level)
    if statistic is Statistic.GEOMETRIC_MEAN:
        return _exponential(mean_estimate(np.log(values), weights, level))
    mean = mean_estimate(values, weights, level, may_be_answers=unit_of(metric) in ("fraction", None))
    return _clipped_to_fraction(mean) if unit_of(metric) == "fraction" else mean


@dataclass(frozen=True, slots=True)
class _Items:
    """The scores of one process and their weights, shape (n,) each."""

    values: NDArray[np.float64]
    weights: NDArray[np.float64]


def _groups(scores: Scores) -> Iterator[tuple[str, str, list[_Items]]]:
    """Yield each metric and task with the items of each run that counts."""
    for task in distinct(scores.task):
        of_task = np.flatnonzero(scores.task == task)
        for metric in distinct(scores.metric[of_task]):
            rows = of_task[scores.metric[of_task] == metric]
            runs = np.unique(scores.run[rows])
            chosen = [rows[scores.run[rows] == run] for run in (runs if is_measured_anew(metric) else runs[:1])]
            yield metric, task, [_Items(scores.value[each], scores.weight[each]) for each in chosen]


def _summary(metric: str, task: str, by_run: Sequence[_Items], level: float) -> Summary:
    values, weights = (np.concatenate([getattr(of, name) for of in by_run]) for name in ("values", "weights"))
    return Summary(
        metric=metric,
        phase=task,
        n=len(values),
        runs=len(by_run),
        scope="items" if len(by_run) == 1 else "runs",
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
        score=_score(metric, by_run, level),
    )


def _score(metric: str, by_run: Sequence[_Items], level: float) -> Estimate:
    """Return the figure of the only run, or the median of those of all runs."""
    figures = [score_estimate(metric, of.values, of.weights, level) for of in by_run]
    known = [figure.value for figure in figures if figure.value is not None]
    if len(known) < 2:
        return figures[0]
    over_runs = run_medians_estimate(np.array(known), level)
    return _clipped_to_fraction(over_runs) if unit_of(metric) == "fraction" else over_runs


def _clipped_to_fraction(estimate: Estimate) -> Estimate:
    """Clip an interval of Student's t, which can reach below 0 and above 1."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, 0.0), high=min(estimate.high, 1.0))


def _exponential(of: Estimate) -> Estimate:
    """Return the estimate of exp(x), given that of x."""
    low, high = (None if end is None else math.exp(end) for end in (of.low, of.high))
    return replace(of, value=math.exp(of.value or 0.0), low=low, high=high, method=of.method and f"exp of {of.method}")
