"""Charts of a history: one per case and metric, a point per run, changes marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Axis, Figure, Mark, Point, Series, Shape
from inference_bench.reports._pages.history import change_text, heading, table
from inference_bench.units import MIB, NS_PER_MS, format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.results.history import Track

_MOST_FIGURES = 40
_SCALES = {"ns": (NS_PER_MS, "ms"), "bytes": (MIB, "MiB"), "fraction": (1, "share"), "1": (1, "")}


def figures(tracks: Sequence[Track]) -> list[Figure]:
    """Return one chart per track."""
    return [_figure(track, tracks) for track in tracks[:_MOST_FIGURES]]


def _figure(track: Track, tracks: Sequence[Track]) -> Figure:
    unit = unit_of(track.metric) or ""
    divisor, name = _SCALES.get(unit, (1, unit))
    points = tuple(_points(track, divisor))
    cases = {other.case.id for other in tracks}
    what = f"{title_of(track.metric)}{f', {track.phase}' if track.phase else ''}"
    title = f"{what} over time" + (f": {heading(track)}" if len(cases) > 1 else "")
    values = [value for point in points for value in (point.y, *(point.y_ends or ()))]
    axis = axes.around(f"{title_of(track.metric)}{f' [{name}]' if name else ''}", values, span=0.05)
    marks = [Mark(float(place), change_text(track, place)) for place in sorted(track.changes)]
    return Figure(
        title,
        _runs(track),
        axis,
        [Series("", "c0", Shape.LINE, points)],
        table(track, tracks),
        marks,
        note="The vertical axis does not begin at zero." if axis.low > 0 else "",
    )


def _runs(track: Track) -> Axis:
    """Return an axis of runs in the order of time, with the first date, the last, and one between."""
    last = len(track.points) - 1
    ticks = tuple((float(at), track.points[at].created_utc[5:10]) for at in sorted({0, last // 2, last}))
    return Axis("run, by date", -0.5, last + 0.5, ticks)


def _points(track: Track, divisor: float) -> list[Point]:
    unit = unit_of(track.metric) or ""
    found = []
    for place, point in enumerate(track.points):
        figure = point.figure
        known = figure.low is not None and figure.high is not None
        ends = (figure.low / divisor, figure.high / divisor) if known else None
        interval = f"[{format_value(figure.low, unit)}, {format_value(figure.high, unit)}]" if known else "no interval"
        when = point.created_utc.replace("T", " ")[:16]
        text = f"run {point.run}, {when}: {format_value(figure.value or 0.0, unit)} {interval}"
        if place in track.changes:
            text += f" · {change_text(track, place)}"
        found.append(
            Point(
                float(place),
                (figure.value or 0.0) / divisor,
                y_ends=ends,
                is_sure=known,
                text=text,
                cases=(track.case.id,),
            )
        )
    return found
