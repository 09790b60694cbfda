"""Charts of a history: one per case and metric, a point per run, changes marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Axis, Figure, Mark, Point, Series, Shape
from inference_bench.reports._pages.history import change_text, commit, heading, table
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
    phases = {other.phase for other in tracks if (other.case, other.metric) == (track.case, track.metric)}
    what = f"{title_of(track.metric)}{f', {track.phase}' if len(phases) > 1 and track.phase else ''}"
    title = f"{what[:1].upper()}{what[1:]} over time" + (f": {heading(track)}" if len(cases) > 1 else "")
    values = axes.within_reach([p.y for p in points], [end for p in points for end in p.y_ends or ()])
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
    """Return an axis of runs in the order of time, with the first date, the last, and one between; times of one day."""
    last = len(track.points) - 1
    chosen = sorted({0, last // 2, last})
    is_of_a_day = len({point.created_utc[:10] for point in track.points}) == 1
    written = slice(11, 16) if is_of_a_day else slice(0, 10)
    ticks = tuple((float(at), track.points[at].created_utc[written]) for at in chosen)
    return Axis("run, by time (UTC)" if is_of_a_day else "run, by date", -0.5, last + 0.5, ticks)


def _points(track: Track, divisor: float) -> list[Point]:
    unit = unit_of(track.metric) or ""
    found = []
    for place, point in enumerate(track.points):
        figure = point.figure
        ends, interval = None, "no interval"
        if figure.low is not None and figure.high is not None:
            ends = (figure.low / divisor, figure.high / divisor)
            interval = f"[{format_value(figure.low, unit)}, {format_value(figure.high, unit)}]"
        when = point.created_utc.replace("T", " ")[:16]
        name = f"{point.run} ({point.label})" if point.label else point.run
        of_commit = f" · commit {commit(point).text}" if point.code is not None else ""
        text = f"run {name}, {when}: {format_value(figure.value or 0.0, unit)} {interval}{of_commit}"
        if place in track.changes:
            text += f" · {change_text(track, place)}"
        found.append(
            Point(
                float(place),
                (figure.value or 0.0) / divisor,
                y_ends=ends,
                is_sure=ends is not None,
                text=text,
                cases=(track.case.id,),
            )
        )
    return found
