"""The schedule of a load: when each request should have been sent, and how late it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import NEUTRAL, Figure, Level, Point, Series, Shape
from inference_bench.reports._figures.observed import words
from inference_bench.reports._figures.served_requests import ServedRequests, last_served
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._figures.thinning import MOST_POINTS, extremes
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.setups import key_of
from inference_bench.units import NS_PER_MS, NS_PER_S, counted, format_ns

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_LATE_NS = NS_PER_MS
"""A request that was sent later than this is late; ``on_schedule`` allows more where latencies are long."""
_LEAST_MS = 0.001


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart, of the last load of which two requests or more were sent."""
    served = last_served(run)
    if served is not None and np.count_nonzero(served.table.sent_ns[served.first] >= 0) > 1:
        yield _figure(served, setups)


def _figure(served: ServedRequests, setups: Setups) -> Figure:
    rows = served.first[served.table.sent_ns[served.first] >= 0]
    planned_ns = served.table.planned_ns[rows]
    late_ns = np.maximum(0, served.table.sent_ns[rows] - planned_ns)
    keep = extremes(late_ns) if len(rows) > MOST_POINTS else range(len(rows))
    points: dict[bool, list[Point]] = {False: [], True: []}
    for at in keep:
        seconds = (int(planned_ns[at]) - served.began_ns) / NS_PER_S
        point = Point(
            seconds,
            max(_LEAST_MS, float(late_ns[at] / NS_PER_MS)),
            text=f"request {at + 1}: planned at {seconds:.3f} s, sent {format_ns(int(late_ns[at]))} late",
            cases=(served.result.case.id,),
        )
        points[bool(late_ns[at] > _LATE_NS)].append(point)
    count, total = int(np.count_nonzero(late_ns > _LATE_NS)), len(rows)
    key = key_of(served.result)
    series = [
        Series("sent in time", NEUTRAL, Shape.POINTS, tuple(points[False])),
        Series("sent late", setups.colour(key), Shape.POINTS, tuple(points[True])),
    ]
    title, case = "Schedule and late sends", words(served.result.case.parameters.items())
    drawn = [point for one in series for point in one.points]
    return Figure(
        title,
        axes.numbers("planned time of the request [s]", [point.x for point in drawn]),
        axes.logarithmic("sent after its planned time [ms]", [_LATE_NS / NS_PER_MS, *(point.y for point in drawn)]),
        [one for one in series if one.points],
        _table(title, served, late_ns),
        levels=[Level(_LATE_NS / NS_PER_MS, f"late: more than {_LATE_NS / NS_PER_MS:g} ms")],
        note=f"{count} of {counted(total, 'request')} late. First process of {case}.",
    )


def _table(title: str, served: ServedRequests, late_ns: np.ndarray) -> Table:
    names = ("requests", "late", "p50", "p99", "largest")
    quantiles = (np.quantile(late_ns, p, method="inverted_cdf") for p in (0.5, 0.99, 1.0))
    late = int(np.count_nonzero(late_ns > _LATE_NS))
    cells = (f"{len(late_ns):,}", f"{late:,}", *(format_ns(float(value)) for value in quantiles))
    return Table(
        title,
        tuple(Column(name, numeric=True) for name in names),
        ((tuple(map(Cell, cells)),),),
        (served.result.case.id,),
    )
