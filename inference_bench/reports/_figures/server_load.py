"""The server's own gauges during a load, on the time of the requests: running, waiting, and the use of its KV cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.errors import RunFormatError
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import words
from inference_bench.reports._figures.served_requests import ServedRequests, last_served
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.result import ServerReadings, Stage
from inference_bench.results.parquet_table import from_arrow
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.reports._figures.setups import Setups
    from inference_bench.results.run import Run

_QUEUE = (("running", "requests that run", "s1"), ("waiting", "requests that wait", "c1"))
_CACHE = (("kv_use", "use of the KV cache", "s2"),)


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield a chart of the last load's queue in the server, and one of its KV cache, where the server tells."""
    served = last_served(run)
    table = None if served is None else _table_of(run, served)
    if served is None or table is None:
        return
    for title, label, names in (
        ("Requests in the server over time", "requests", _QUEUE),
        ("KV cache of the server over time", "share in use", _CACHE),
    ):
        lines = [(heading, colour, _points(served, table, name)) for name, heading, colour in names]
        lines = [line for line in lines if len(line[2]) > 1]
        if lines:
            yield _figure(served, title, label, lines)


def _table_of(run: Run, served: ServedRequests) -> ServerReadings | None:
    if not (run.files.get(served.result.case.id) or {}).get("server_readings"):
        return None
    try:
        return from_arrow(run.table(served.result, "server_readings"), ServerReadings)
    except RunFormatError:
        return None


def _points(served: ServedRequests, table: ServerReadings, meaning: str) -> tuple[Point, ...]:
    """Return the readings of one meaning in the first process."""
    rows = _rows(table, meaning)
    return tuple(
        Point(
            seconds := (int(table.time_ns[row]) - served.began_ns) / NS_PER_S,
            value := float(table.value[row]),
            text=f"{table.series[row]} at {seconds:.3f} s: {value:g}",
            cases=(served.result.case.id,),
        )
        for row in rows
    )


def _rows(table: ServerReadings, meaning: str) -> NDArray[np.intp]:
    of_load = (table.stage == Stage.MEASURED.value) & (table.meaning == meaning)
    rows = np.flatnonzero(of_load)
    return rows[table.run[rows] == table.run[rows].min()] if len(rows) else rows


def _figure(served: ServedRequests, title: str, label: str, lines: list[tuple[str, str, tuple[Point, ...]]]) -> Figure:
    points = [point for _, _, of in lines for point in of]
    cells = ((Cell(name), *map(Cell, _summary(of))) for name, _, of in lines)
    columns = (Column("gauge"), *(Column(name, numeric=True) for name in ("readings", "mean", "largest")))
    ids = (served.result.case.id,) * len(lines)
    return Figure(
        title,
        axes.numbers("time since the load began [s]", [point.x for point in points]),
        axes.numbers(label, [point.y for point in points]),
        [Series(name, colour, Shape.STEPS, of) for name, colour, of in lines],
        Table(title, columns, tuple((row,) for row in cells), ids),
        note=f"By the server's own gauges. First process of {words(served.result.case.parameters.items())}.",
    )


def _summary(points: tuple[Point, ...]) -> tuple[str, str, str]:
    values = [point.y for point in points]
    return f"{len(values):,}", f"{sum(values) / len(values):.3g}", f"{max(values):.3g}"
