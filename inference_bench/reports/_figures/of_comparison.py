"""Charts of a comparison: each change with its interval, and the margin within which it counts as none."""

from __future__ import annotations

from dataclasses import dataclass
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
from inference_bench.units import MIB, NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_ROWS = 30


def figures(compared: Sequence[Comparisons]) -> list[Figure]:
    """Return one chart per candidate and benchmark that has intervals."""
    return [figure for found in compared for figure in _of_candidate(found)]


def _of_candidate(found: Comparisons) -> Iterator[Figure]:
    for benchmark in dict.fromkeys(row.before.benchmark for row in found.rows):
        rows = [row for row in found.rows if row.before.benchmark == benchmark]
        drawn = [row for row in rows if row.low is not None and row.high is not None]
        title = f"Change of {benchmark.replace('_', ' ')} from A, {found.before}, to B, {found.after}"
        for scale in dict.fromkeys(map(_scale, drawn)):
            of_scale = [row for row in drawn if _scale(row) == scale]
            name = title if scale.label == "%" else f"{title}, in {scale.label}"
            yield _figure(name, rows, of_scale[:_MOST_ROWS], scale)


@dataclass(frozen=True, slots=True)
class _Scale:
    """What the changes of one chart are drawn in: per cent of A, or a unit."""

    label: str
    divisor: float


def _scale(row: Comparison) -> _Scale:
    if row.relative:
        return _Scale("%", 0.01)
    unit = unit_of(row.metric) or "1"
    known = {"bytes": _Scale("MiB", MIB), "ns": _Scale("ms", NS_PER_MS), "fraction": _Scale("fractions of 1", 1)}
    return known.get(unit, _Scale(unit, 1))


def _figure(title: str, rows: Sequence[Comparison], drawn: Sequence[Comparison], scale: _Scale) -> Figure:
    fields = [fields_of(row.before) for row in rows]
    differing = [name for name in varying_fields(rows) if len({one.get(name) for one in fields}) > 1]
    in_phases = metrics_in_phases(rows)
    names = tuple(", ".join((*_point(row, differing), metric_text(row, in_phases))) for row in drawn)
    ends = [(row.change, row.low or 0.0, row.high or 0.0) for row in drawn]
    values, low, high = (tuple(end / scale.divisor for end in column) for column in zip(*ends, strict=True))
    margins = tuple(row.margin / scale.divisor for row in drawn)
    left_out = sum(_scale(row) == scale or row.low is None for row in rows) - len(drawn)
    return Figure(
        title=title,
        kind="effects",
        x_label=f"change of B against A, {scale.label}",
        y_label="",
        series=(Series("change and interval", names, values, low, high), Series("margin", names, margins)),
        data=_table(title, names, drawn),
        note=f"Not drawn: {left_out} more, which are in the table above." if left_out else "",
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
