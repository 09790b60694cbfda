"""A strip of requests over time: how long each waited to be sent, for its first content, and for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Axis, Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import words
from inference_bench.reports._figures.served_requests import ServedRequests, last_served
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.units import NS_PER_S, format_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.reports._figures.setups import Setups
    from inference_bench.results.run import Run

_MOST_ROWS = 40
_PARTS = (("waits to be sent", "s4"), ("to the first content", "s1"), ("to the last content", "s2"), ("failed", "c1"))
_FAILED = len(_PARTS) - 1


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart: the slowest request of the last load, with those before and after it."""
    served = last_served(run)
    if served is not None:
        yield _figure(served)


def _figure(served: ServedRequests) -> Figure:
    stretch = _around_the_slowest(served)
    table = served.table
    bars: list[list[Point]] = [[] for _ in _PARTS]
    rows: list[tuple[Cell, ...]] = []
    for place in stretch:
        row, number = served.first[place], int(place) + 1
        stamps = [_seconds(served, int(column[row])) for column in _stamps(table)]
        parts = list(_parts(stamps, is_failed=table.outcome[row] != "ok"))
        durations = ", ".join(f"{_PARTS[part][0]} {format_ns((end - begin) * NS_PER_S)}" for part, begin, end in parts)
        what = f"request {number}: {durations or 'not sent'}"
        if table.outcome[row] != "ok":
            what += f" ({table.outcome[row]})"
        for part, begin, end in parts:
            bars[part].append(Point(end, number, start=begin, text=what, cases=(served.result.case.id,)))
        rows.append(tuple(map(Cell, (f"{number}", f"{stamps[0] or 0:.3f} s", durations, str(table.outcome[row])))))
    series = [
        Series(name, colour, Shape.BARS, tuple(of), thickness=0.8)
        for (name, colour), of in zip(_PARTS, bars, strict=True)
        if of
    ]
    ends = [value for one in series for point in one.points for value in (point.start, point.x)]
    title = "Requests over time"
    columns = (Column("request", numeric=True), Column("planned", numeric=True), Column("took"), Column("outcome"))
    return Figure(
        title,
        axes.numbers("time since the load began [s]", ends, from_zero=min(ends) < max(ends) / 3),
        _numbered(int(stretch[0]) + 1, int(stretch[-1]) + 1),
        series,
        Table(title, columns, tuple((row,) for row in rows), (served.result.case.id,) * len(rows)),
        note=_note(served, len(stretch)),
    )


def _around_the_slowest(served: ServedRequests) -> NDArray[np.intp]:
    """Return the places of consecutive requests with the slowest one in their middle."""
    rows = served.first
    lasted = np.maximum(served.table.ended_ns[rows], served.table.planned_ns[rows]) - served.table.planned_ns[rows]
    begin = int(np.clip(int(np.argmax(lasted)) - _MOST_ROWS // 2, 0, max(0, len(rows) - _MOST_ROWS)))
    return np.arange(begin, min(len(rows), begin + _MOST_ROWS))


def _stamps(table: object) -> Iterator[NDArray[np.int64]]:
    for name in ("planned_ns", "sent_ns", "first_content_ns", "last_content_ns", "ended_ns"):
        yield getattr(table, name)


def _seconds(served: ServedRequests, time_ns: int) -> float | None:
    return None if time_ns < 0 else (time_ns - served.began_ns) / NS_PER_S


def _parts(stamps: list[float | None], *, is_failed: bool) -> Iterator[tuple[int, float, float]]:
    """Yield the parts of a request that are known: which one, its begin and its end in seconds."""
    planned, sent, first, last, ended = stamps
    if planned is None or sent is None:
        return
    yield 0, planned, sent
    if is_failed and ended is not None:
        yield _FAILED, sent, ended
    elif first is not None and last is not None:
        yield 1, sent, first
        yield 2, first, last


def _numbered(first: int, last: int) -> Axis:
    """Return an axis with one row per request, the first at the top."""
    step = max(1, (last - first) // 4)
    ticks = tuple((float(number), f"{number}") for number in range(first, last + 1, step))
    return Axis("number of the request", first - 0.5, last + 0.5, ticks, is_flipped=True)


def _note(served: ServedRequests, count: int) -> str:
    total = len(served.first)
    which = f"The slowest of {total:,} requests and its neighbours. " if total > count else ""
    return f"{which}First process of {words(served.result.case.parameters.items())}."
