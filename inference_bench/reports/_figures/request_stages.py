"""Where the time of requests goes, over client and server: one bar per stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.analysis.serving.stage_durations import (
    TOTAL,
    StageRow,
    has_both_sides,
    stage_durations,
    stage_rows,
)
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Ends, Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import words
from inference_bench.reports._figures.served_requests import ServedRequests, served_requests
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.result import Stage
from inference_bench.units import NS_PER_MS, NS_PER_S, NS_PER_US, counted, format_ns

if TYPE_CHECKING:
    from inference_bench.reports._figures.setups import Setups
    from inference_bench.result import Estimate
    from inference_bench.results.run import Run

_MOST_CASES = 4


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield a chart for each of the last cases whose server told its stages, of the requests of all processes."""
    for served in list(served_requests(run))[-_MOST_CASES:]:
        measured = np.flatnonzero((served.table.stage == Stage.MEASURED.value) & has_both_sides(served.table))
        if rows := stage_rows(stage_durations(served.table, measured)):
            yield _figure(served, rows, len(measured))


def _figure(served: ServedRequests, rows: Sequence[StageRow], count: int) -> Figure:
    drawn = [row for row in rows if row.stage != TOTAL]
    divisor, unit = _unit(max(row.median_ns.value or 0.0 for row in drawn))
    case = served.result.case
    bars, medians = [], []
    for place, row in enumerate(drawn):
        value, text = (row.median_ns.value or 0.0) / divisor, f"{row.stage}: {_said(row)}"
        ends = _ends(row.median_ns, divisor)
        bars.append(Point(value, place, text=text, cases=(case.id,)))
        medians.append(Point(value, place, x_ends=ends, is_sure=ends is not None, text=text, cases=(case.id,)))
    title = "Where the time of requests goes"
    reach = axes.within_reach([0.0, *(point.x for point in bars)], [end for p in medians for end in p.x_ends or ()])
    return Figure(
        title,
        axes.numbers(f"median time [{unit}]", reach),
        axes.names([row.stage for row in drawn]),
        [
            Series("", "c0", Shape.BARS, tuple(bars), is_pale=True),
            Series("", "c0", Shape.POINTS, tuple(medians)),
        ],
        _table(title, rows, case.id),
        note=f"{counted(count, 'request')} that client and server both recorded, of {words(case.parameters.items())}.",
    )


def _unit(largest_ns: float) -> tuple[int, str]:
    steps = ((NS_PER_S, "s"), (NS_PER_MS, "ms"), (NS_PER_US, "µs"))
    return next((step for step in steps if largest_ns >= step[0]), (1, "ns"))


def _ends(median: Estimate, divisor: int) -> Ends | None:
    return None if median.low is None or median.high is None else (median.low / divisor, median.high / divisor)


def _said(row: StageRow) -> str:
    figure = f"median {format_ns(row.median_ns.value or 0.0)} {_interval(row.median_ns)}"
    return f"{figure}, {row.share:.1%} of the time · {row.meaning}"


def _interval(median: Estimate) -> str:
    if median.low is None or median.high is None:
        return "–" if median.needs is None else f"needs {median.needs}"
    return f"[{format_ns(median.low)}, {format_ns(median.high)}]"


def _table(title: str, rows: Sequence[StageRow], case: str) -> Table:
    columns = (
        Column("stage"),
        Column("median", numeric=True),
        Column("95 % interval", numeric=True),
        Column("share", numeric=True),
    )
    cells = [
        (row.stage, format_ns(row.median_ns.value or 0.0), _interval(row.median_ns), f"{row.share:.1%}") for row in rows
    ]
    return Table(title, columns, tuple((tuple(map(Cell, of)),) for of in cells), (case,) * len(cells))
