"""Each metric over time, over all runs of a folder, with the changes that are significant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.analysis.change_points import changes
from inference_bench.metrics import METRICS, Statistic, statistic_of
from inference_bench.result import Status

if TYPE_CHECKING:
    from inference_bench.plan import Case
    from inference_bench.provenance.record import CodeState
    from inference_bench.result import BenchmarkResult, Estimate
    from inference_bench.results.run import Run


@dataclass(frozen=True, slots=True)
class Point:
    """The figure of one run.

    Attributes:
        run: name of the run.
        created_utc: when it began.
        figure: the median, or the score.
        code: state of the measured code; None if unknown.
        label: name that the user gave to the run, or empty.
    """

    run: str
    created_utc: str
    figure: Estimate
    code: CodeState | None = None
    label: str = ""


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
        random_weights: as in ``BenchmarkResult``.
    """

    case: Case
    metric: str
    phase: str
    points: tuple[Point, ...]
    changes: dict[int, float]
    relative: bool = True
    random_weights: str = ""


def history(runs: Iterable[Run], *, everything: bool = False) -> list[Track]:
    """Return the tracks that have more than one run.

    Args:
        runs: in any order.
        everything: all metrics; otherwise the headline metrics of each benchmark, and for old runs, which name none,
            those of the table of all models.
    """
    found: dict[tuple[str, str, str, str], list[Point]] = {}
    cases: dict[str, Case] = {}
    for run in sorted(runs, key=lambda run: (run.record.created_utc, run.record.id)):
        for result in run.results:
            if result.status is not Status.OK:
                continue
            case_id = result.case.id  # a digest
            cases[case_id] = result.case
            for summary in result.summaries:
                if (everything or _is_headline(summary.metric, result)) and summary.headline.value is not None:
                    key = case_id, result.random_weights, summary.metric, summary.phase
                    found.setdefault(key, []).append(_point(run, summary.headline))
    return [
        _track(cases[case_id], random_weights, metric, phase, points)
        for (case_id, random_weights, metric, phase), points in found.items()
        if len(points) > 1
    ]


def _point(run: Run, figure: Estimate) -> Point:
    record = run.record
    return Point(record.id, record.created_utc, figure, record.provenance.code, record.provenance.label)


def _is_headline(metric: str, result: BenchmarkResult) -> bool:
    if result.headline:
        return metric in result.headline
    return metric in METRICS and METRICS[metric].overview


def _track(case: Case, random_weights: str, metric: str, phase: str, points: Sequence[Point]) -> Track:
    values = [point.figure.value or 0.0 for point in points]
    if min(values) > 0 and statistic_of(metric) is not Statistic.SLOPE:
        return Track(case, metric, phase, tuple(points), changes(values), random_weights=random_weights)
    # Differences, in units of the largest figure, take the place of logarithms; the margin is a share of it.
    largest = max(map(abs, values)) or 1.0
    found = changes([math.exp(value / largest) for value in values])
    differences = {place: math.log1p(change) * largest for place, change in found.items()}
    return Track(case, metric, phase, tuple(points), differences, relative=False, random_weights=random_weights)
