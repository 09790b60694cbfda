"""A strip of requests over time: how long each waited to be sent, and where it was then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from inference_bench.analysis.serving.stage_durations import has_both_sides
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Axis, Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import words
from inference_bench.reports._figures.request_parts import PARTS, Part, stretches
from inference_bench.reports._figures.served_requests import ServedRequests, last_served
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.units import NS_PER_S, format_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.reports._figures.setups import Setups
    from inference_bench.results.run import Run

_MOST_ROWS = 40


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart: the slowest request of the last load, with those before and after it."""
    served = last_served(run)
    if served is not None:
        yield _figure(served)


def _figure(served: ServedRequests) -> Figure:
    shown = _around_the_slowest(served)
    both_sides = bool(has_both_sides(served.table)[served.first[shown]].any())
    strips = [_strip(served, place, both_sides=both_sides) for place in shown.tolist()]
    series = list(_series(strips, served.result.case.id))
    ends = [value for one in series for point in one.points for value in (point.start, point.x)]
    title = "Requests over time"
    columns = (Column("request", numeric=True), Column("planned", numeric=True), Column("took"), Column("outcome"))
    return Figure(
        title,
        axes.numbers("time since the load began [s]", ends, from_zero=min(ends) < max(ends) / 3),
        _numbered(strips[0].number, strips[-1].number),
        series,
        Table(title, columns, tuple((strip.cells,) for strip in strips), (served.result.case.id,) * len(strips)),
        note=_note(served, len(strips), both_sides=both_sides),
    )


class _Strip(NamedTuple):
    """One request: its number from 1, when it was planned, its parts in seconds since the load began, its outcome."""

    number: int
    planned: float
    parts: tuple[tuple[Part, float, float], ...]
    took: str
    outcome: str

    @property
    def text(self) -> str:
        """What a mark of it says."""
        failure = "" if self.outcome == "ok" else f" ({self.outcome})"
        return f"request {self.number}: {self.took or 'not sent'}{failure}"

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its row of the table."""
        return tuple(map(Cell, (f"{self.number}", f"{self.planned:.3f} s", self.took, self.outcome)))


def _strip(served: ServedRequests, place: int, *, both_sides: bool) -> _Strip:
    table, row = served.table, int(served.first[place])
    found = list(stretches(table, row, both_sides=both_sides))
    parts = tuple((each.part, _seconds(served, each.begin_ns), _seconds(served, each.end_ns)) for each in found)
    took = [f"{each.part.name} {format_ns(each.end_ns - each.begin_ns)}" for each in found]
    if has_both_sides(table)[row]:
        took.append(f"residual {format_ns(int(table.residual_ns[row]))}")
    planned = _seconds(served, int(table.planned_ns[row]))
    return _Strip(place + 1, planned, parts, ", ".join(took), str(table.outcome[row]))


def _series(strips: list[_Strip], case: str) -> Iterator[Series]:
    for part in PARTS:
        points = [
            Point(end, strip.number, start=begin, text=strip.text, cases=(case,))
            for strip in strips
            for known, begin, end in strip.parts
            if known is part
        ]
        if points:
            yield Series(part.name, part.colour, Shape.BARS, tuple(points), thickness=0.8)


def _around_the_slowest(served: ServedRequests) -> NDArray[np.intp]:
    """Return the places of consecutive requests with the slowest one in their middle."""
    rows = served.first
    lasted = np.maximum(served.table.ended_ns[rows], served.table.planned_ns[rows]) - served.table.planned_ns[rows]
    begin = int(np.clip(int(np.argmax(lasted)) - _MOST_ROWS // 2, 0, max(0, len(rows) - _MOST_ROWS)))
    return np.arange(begin, min(len(rows), begin + _MOST_ROWS))


def _seconds(served: ServedRequests, time_ns: int) -> float:
    return (time_ns - served.began_ns) / NS_PER_S


def _numbered(first: int, last: int) -> Axis:
    """Return an axis with one row per request, the first at the top."""
    step = max(1, (last - first) // 4)
    ticks = tuple((float(number), f"{number}") for number in range(first, last + 1, step))
    return Axis("number of the request", first - 0.5, last + 0.5, ticks, is_flipped=True)


def _note(served: ServedRequests, count: int, *, both_sides: bool) -> str:
    total = len(served.first)
    which = f"The slowest of {total:,} requests and its neighbours. " if total > count else ""
    sides = "Client and server on one clock. " if both_sides else ""
    return f"{which}{sides}First process of {words(served.result.case.parameters.items())}."
