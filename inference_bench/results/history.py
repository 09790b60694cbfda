"""Each metric over time, over all runs of a folder, with the changes that are significant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.analysis.location_shift import separate_shift
from inference_bench.analysis.margin import MARGIN
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.metrics import METRICS, Statistic, statistic_of
from inference_bench.result import Status

if TYPE_CHECKING:
    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult, Estimate
    from inference_bench.results.run import Run

LEAST = 4
"""Runs needed on each side of a change: fewer have no exact interval."""


@dataclass(frozen=True, slots=True)
class Point:
    """The figure of one run.

    Attributes:
        run: name of the run.
        created_utc: when it began.
        figure: the median, or the score.
    """

    run: str
    created_utc: str
    figure: Estimate


@dataclass(frozen=True, slots=True)
class Track:
    """One metric of one case over time.

    Attributes:
        case: what was measured.
        metric: tag.
        phase: as in ``Summary``.
        points: in order of time.
        changes: position of the first run after a change → the change.
        relative: whether a change is a fraction, or in the metric's unit: a slope or a growth may be zero or negative.
    """

    case: Case
    metric: str
    phase: str
    points: tuple[Point, ...]
    changes: dict[int, float]
    relative: bool = True


def history(runs: Iterable[Run], *, everything: bool = False) -> list[Track]:
    """Return the tracks that have more than one run.

    Args:
        runs: in any order.
        everything: all metrics; otherwise the headline metrics of each benchmark, and for old runs, which name none,
            those of the table of all models.
    """
    found: dict[tuple[str, str, str], list[Point]] = {}
    cases: dict[str, Case] = {}
    for run in sorted(runs, key=lambda run: (run.record.created_utc, run.record.id)):
        for result in run.results:
            if result.status is not Status.OK:
                continue
            cases[result.case.id] = result.case
            for summary in result.summaries:
                if (everything or _is_headline(summary.metric, result)) and summary.headline.value is not None:
                    point = Point(run.record.id, run.record.created_utc, summary.headline)
                    found.setdefault((result.case.id, summary.metric, summary.phase), []).append(point)
    return [
        _track(cases[case_id], metric, phase, points)
        for (case_id, metric, phase), points in found.items()
        if len(points) > 1
    ]


def _is_headline(metric: str, result: BenchmarkResult) -> bool:
    if result.headline:
        return metric in result.headline
    return metric in METRICS and METRICS[metric].overview


def _track(case: Case, metric: str, phase: str, points: Sequence[Point]) -> Track:
    values = [point.figure.value or 0.0 for point in points]
    if min(values) > 0 and statistic_of(metric) is not Statistic.SLOPE:
        return Track(case, metric, phase, tuple(points), changes(values))
    # Differences, in units of the largest figure, take the place of logarithms; the margin is a share of it.
    largest = max(map(abs, values)) or 1.0
    found = changes([math.exp(value / largest) for value in values])
    differences = {place: math.log1p(change) * largest for place, change in found.items()}
    return Track(case, metric, phase, tuple(points), differences, relative=False)


def changes(values: Sequence[float], level: float = LEVEL) -> dict[int, float]:
    """Return where the values change permanently, and by what fraction.

    The run medians are split in two where the Hodges-Lehmann shift between both parts is largest, and both parts again,
    for as long as the shift's exact interval lies beyond the margin. Every possible place of
    a split is a comparison of its own, so the level is corrected for their number (Bonferroni): the probability of any
    false change stays below ``1 - level``.

    Args:
        values: one per run, in order of time.
        level: confidence that there is no false change among all.

    >>> changes([10.0] * 3)
    {}
    """
    places = max(1, len(values) - 2 * LEAST + 1)
    strict = 1 - (1 - level) / places
    return dict(sorted(_splits(values, 0, strict)))


def _splits(values: Sequence[float], first: int, level: float) -> list[tuple[int, float]]:
    if len(values) < 2 * LEAST or min(values) <= 0:
        return []
    logs = np.log(np.array(values, dtype=np.float64))
    best: tuple[float, int, float] | None = None
    for place in range(LEAST, len(logs) - LEAST + 1):
        shift = separate_shift(logs[:place], logs[place:])
        interval = shift.interval(level)
        beyond = 0.0 if interval is None else max(interval[0], -interval[1]) - math.log1p(MARGIN)
        if beyond > 0 and (best is None or beyond > best[0]):
            best = beyond, place, math.expm1(shift.value)
    if best is None:
        return []
    _, place, change = best
    before, after = _splits(values[:place], first, level), _splits(values[place:], first + place, level)
    return [*before, (first + place, change), *after]
