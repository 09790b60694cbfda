"""The windows of a search for a capacity: how many requests were good at each rate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from inference_bench.errors import RunFormatError
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import MOST_SERIES, Figure, Mark, Point, Series, Shape
from inference_bench.reports._figures.observed import seen
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.setups import key_of

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_METRIC = "capacity"


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart per case that searched for a capacity."""
    for one in seen(run.results, _METRIC):
        windows = _windows(run, one.result)
        if len({window["rate"] for window in windows}) > 1:
            mark = Mark(one.value, f"capacity: {one.value:.4g}")
            yield _figure(one.result, windows, [mark] if one.value > 0 else [], setups)


def _windows(run: Run, result: BenchmarkResult) -> list[dict[str, Any]]:
    """Return the windows of all processes; none if their file cannot be read."""
    try:
        table = run.scores(result)
    except RunFormatError:
        return []
    rows = zip(table.column("metric").to_pylist(), table.column("detail").to_pylist(), strict=True)
    details = [json.loads(detail) for metric, detail in rows if metric == _METRIC and detail]
    return [window for detail in details for window in detail.get("windows", ())]


def _figure(
    result: BenchmarkResult, windows: Sequence[dict[str, Any]], marks: Sequence[Mark], setups: Setups
) -> Figure:
    slos = list(dict.fromkeys(slo for window in windows for slo in window["good"]))[:MOST_SERIES]
    colours = setups.colours(key_of(result), len(slos)) if len(setups) == 1 else [f"s{n}" for n in range(len(slos))]
    series = [
        Series(slo, colour, Shape.POINTS, tuple(_point(window, slo, result) for window in windows))
        for slo, colour in zip(slos, colours, strict=True)
    ]
    rates = sorted({float(window["rate"]) for window in windows})
    title = f"Good requests against rate, {setups.name(key_of(result))}"
    columns = (Column("rate", numeric=True), *(Column(slo, numeric=True) for slo in slos), Column("passed"))
    rows = [
        (
            Cell(f"{window['rate']:.4g}"),
            *(Cell(f"{window['good'].get(slo, 0):.2%}") for slo in slos),
            Cell(window["miss"] or "yes"),
        )
        for window in windows
    ]
    return Figure(
        title,
        axes.logarithmic("rate of a window [requests/s]", rates),
        axes.numbers("good requests [%], higher is better", [0.0, 100.0], high=100.0),
        series,
        Table(title, columns, tuple((row,) for row in rows), (result.case.id,) * len(rows)),
        marks,
        note="Each mark is one window of a search. Hollow: it did not pass.",
    )


def _point(window: dict[str, Any], slo: str, result: BenchmarkResult) -> Point:
    share = 100 * float(window["good"].get(slo, 0.0))
    said = window["miss"] or "passed"
    return Point(
        float(window["rate"]),
        share,
        is_sure=bool(window["passes"]),
        text=f"{window['rate']:.4g} requests/s: {share:.4g} % good for {slo} · {said}",
        cases=(result.case.id,),
    )
