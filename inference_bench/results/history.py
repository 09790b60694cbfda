"""Each metric over time, over all runs of a folder, with the changes that are significant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.analysis.change_points import changes
from inference_bench.metrics import METRICS
from inference_bench.result import Status

if TYPE_CHECKING:
    from inference_bench.plan import Case
    from inference_bench.result import Estimate
    from inference_bench.results.run import Run


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
        changes: position of the first run after a change → the change, as a fraction.
    """

    case: Case
    metric: str
    phase: str
    points: tuple[Point, ...]
    changes: dict[int, float]


def history(runs: Iterable[Run], *, everything: bool = False) -> list[Track]:
    """Return the tracks that have more than one run.

    Args:
        runs: in any order.
        everything: all metrics; otherwise those of the table of all models.
    """
    found: dict[tuple[str, str, str], list[Point]] = {}
    cases: dict[str, Case] = {}
    for run in sorted(runs, key=lambda run: (run.record.created_utc, run.record.id)):
        for result in run.results:
            if result.status is not Status.OK:
                continue
            case_id = result.case.id  # a digest
            cases[case_id] = result.case
            for summary in result.summaries:
                is_shown = everything or (summary.metric in METRICS and METRICS[summary.metric].overview)
                if is_shown and summary.headline.value is not None:
                    point = Point(run.record.id, run.record.created_utc, summary.headline)
                    found.setdefault((case_id, summary.metric, summary.phase), []).append(point)
    return [
        Track(cases[case_id], metric, phase, tuple(points), changes([point.figure.value or 0.0 for point in points]))
        for (case_id, metric, phase), points in found.items()
        if len(points) > 1
    ]
