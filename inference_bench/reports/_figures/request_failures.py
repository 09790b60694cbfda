"""How requests failed: one bar per kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Figure, Point, Series, Shape
from inference_bench.reports._figures.served_requests import ServedRequests, served_requests
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.result import Stage
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.reports._figures.setups import Setups
    from inference_bench.results.run import Run

_MOST_KINDS = 20


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart with all processes of all loads, if a request failed."""
    loads = [(served, _failures(served)) for served in served_requests(run)]
    failed = [(served, kinds) for served, kinds in loads if kinds]
    if failed:
        yield _figure(failed, run)


def _failures(served: ServedRequests) -> Counter[str]:
    table = served.table
    measured = table.stage == Stage.MEASURED.value
    words = np.where((table.outcome == "ok") & (table.last_content_ns < 0), "no content", table.outcome)[measured]
    return Counter(str(word).replace("_", " ") for word in words if word != "ok")


def _figure(failed: list[tuple[ServedRequests, Counter[str]]], run: Run) -> Figure:
    places = Places(run.results)
    total: Counter[str] = Counter()
    for _, kinds in failed:
        total.update(kinds)
    names = [kind for kind, _ in total.most_common(_MOST_KINDS)]
    points = []
    for row, kind in enumerate(names):
        of = [served for served, kinds in failed if kinds[kind]]
        text = (
            f"{counted(total[kind], 'request')} failed: {kind} · {'; '.join(places.curve(s.result.case) for s in of)}"
        )
        points.append(Point(total[kind], row, text=text, cases=tuple(served.result.case.id for served in of)))
    title = "Failed requests by kind"
    columns = (Column("case"), Column("kind"), Column("requests", numeric=True))
    rows = [
        ((Cell(places.curve(served.result.case)), Cell(kind), Cell(f"{count:,}")), served.result.case.id)
        for served, kinds in failed
        for kind, count in kinds.most_common()
    ]
    return Figure(
        title,
        axes.numbers("number of requests, of all processes", [0.0, *(float(total[kind]) for kind in names)]),
        axes.names(names),
        [Series("", "c1", Shape.BARS, tuple(points))],
        Table(title, columns, tuple((row,) for row, _ in rows), tuple(case for _, case in rows)),
    )
