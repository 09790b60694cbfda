"""From the scores of items to summaries, one per metric and task. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import mean_estimate, slope_estimate
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.analysis.summaries import distinct
from inference_bench.metrics import Statistic, statistic_of, unit_of
from inference_bench.result import Estimate, Scores, Summary


def summarise_scores(scores: Scores, level: float = LEVEL) -> tuple[Summary, ...]:
    """Return a summary per metric and task over the items, in order of first appearance.

    Only the first run of a task counts: a second one gives the same scores and adds no information.

    Args:
        scores: as the workers sent them.
        level: confidence level.
    """
    return tuple(
        _summary(metric, task, scores.value[rows], scores.weight[rows], level) for metric, task, rows in _groups(scores)
    )


def _groups(scores: Scores) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    for task in distinct(scores.task):
        of_task = np.flatnonzero(scores.task == task)
        of_task = of_task[scores.run[of_task] == scores.run[of_task].min()]
        for metric in distinct(scores.metric[of_task]):
            yield metric, task, of_task[scores.metric[of_task] == metric]


def _summary(
    metric: str, task: str, values: NDArray[np.float64], weights: NDArray[np.float64], level: float
) -> Summary:
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
        score=_score(metric, values, weights, level),
    )


def _score(metric: str, values: NDArray[np.float64], weights: NDArray[np.float64], level: float) -> Estimate:
    """Return the figure over all items that the metric's statistic asks for."""
    statistic = statistic_of(metric)
    if statistic is Statistic.MAXIMUM:
        return Estimate(float(values.max()), None, None, "largest of the items")
    if statistic is Statistic.SLOPE:
        return slope_estimate(values, level)
    if statistic is Statistic.GEOMETRIC_MEAN:
        return _exponential(mean_estimate(np.log(values), weights, level))
    mean = mean_estimate(values, weights, level)
    return _clipped_to_fraction(mean) if unit_of(metric) == "fraction" else mean


def _clipped_to_fraction(estimate: Estimate) -> Estimate:
    """Clip an interval of Student's t, which can reach below 0 and above 1."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, 0.0), high=min(estimate.high, 1.0))


def _exponential(of: Estimate) -> Estimate:
    """Return the estimate of exp(x), given that of x."""
    low, high = (None if end is None else math.exp(end) for end in (of.low, of.high))
    return replace(of, value=math.exp(of.value or 0.0), low=low, high=high, method=of.method and f"exp of {of.method}")
