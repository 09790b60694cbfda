"""Charts of a comparison: each change with its interval, and the margin within which it counts as none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.comparison_result import Comparison, Comparisons, word
from inference_bench.analysis.matching import fields_of
from inference_bench.metrics import unit_of
from inference_bench.reports._figures.figure import Figure, Series
from inference_bench.reports._pages.comparison import (
    change_text,
    interval_text,
    metric_text,
    metrics_in_phases,
    size_text,
    varying_fields,
)
from inference_bench.reports._pages.document import Cell, Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_ROWS = 30


def figures(compared: Sequence[Comparisons]) -> list[Figure]:
    """Return one chart per candidate and benchmark that has intervals."""
    return [figure for found in compared for figure in _of_candidate(found)]


def _of_candidate(found: Comparisons) -> Iterator[Figure]:
    for benchmark in dict.fromkeys(row.before.benchmark for row in found.rows):
        rows = [row for row in found.rows if row.before.benchmark == benchmark]
        drawn = [row for row in rows if row.relative and row.low is not None and row.high is not None]
        if drawn:
            title = f"Change of {benchmark.replace('_', ' ')} from A, {found.before}, to B, {found.after}"
            yield _figure(title, rows, drawn[:_MOST_ROWS])


def _figure(title: str, rows: Sequence[Comparison], drawn: Sequence[Comparison]) -> Figure:
    fields = [fields_of(row.before) for row in rows]
    differing = [name for name in varying_fields(rows) if len({one.get(name) for one in fields}) > 1]
    in_phases = metrics_in_phases(rows)
    names = tuple(", ".join((*_point(row, differing), metric_text(row, in_phases))) for row in drawn)
    percent = [(100 * row.change, 100 * (row.low or 0.0), 100 * (row.high or 0.0)) for row in drawn]
    values, low, high = (tuple(column) for column in zip(*percent, strict=True))
    margins = tuple(100 * row.margin for row in drawn)
    left_out = len(rows) - len(drawn)
    return Figure(
        title=title,
        kind="effects",
        x_label="change of B against A, %",
        y_label="",
        series=(Series("change and interval", names, values, low, high), Series("margin", names, margins)),
        data=_table(title, names, drawn),
        note=f"{left_out} more, without an interval or a ratio, are in the table." if left_out else "",
    )


def _point(row: Comparison, differing: Sequence[str]) -> Iterator[str]:
    fields = fields_of(row.before)
    for name in differing:
        value = str(fields.get(name, "–"))
        yield value if name == "model" else f"{name.removeprefix('axis ').replace('_', ' ')} {value}"


def _table(title: str, names: Sequence[str], rows: Sequence[Comparison]) -> Table:
    columns = (
        Column("figure"),
        Column("change", numeric=True),
        Column("interval", numeric=True),
        Column("margin", numeric=True),
        Column("verdict"),
    )
    cells = tuple(
        (
            Cell(name),
            Cell(change_text(row, row.change)),
            Cell(interval_text(row)),
            Cell(f"±{size_text(row, row.margin)}"),
            Cell(word(row.verdict, unit_of(row.metric))),
        )
        for name, row in zip(names, rows, strict=True)
    )
    return Table(title, columns, (cells,))
