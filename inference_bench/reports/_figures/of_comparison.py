"""Charts of a comparison: each change with its interval, and the margin within which it counts as none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict, word
from inference_bench.analysis.matching import fields_of
from inference_bench.metrics import unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import NEUTRAL, Figure, Mark, Point, Series, Shape
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
_COLOURS = {Verdict.BETTER: "good", Verdict.WORSE: "alarm", Verdict.SAME: "c0"}
"""Colour of a change by its verdict; without one it is neutral."""


def figures(compared: Sequence[Comparisons]) -> list[Figure]:
    """Return one chart per candidate and benchmark that has intervals."""
    several = len(compared) > 1
    return [figure for found in compared for figure in _of_candidate(found, f": {found.after}" if several else "")]


def _of_candidate(found: Comparisons, name_of_b: str) -> Iterator[Figure]:
    for benchmark in dict.fromkeys(row.before.benchmark for row in found.rows):
        rows = [row for row in found.rows if row.before.benchmark == benchmark]
        drawn = [row for row in rows if row.low is not None and row.high is not None]
        title = f"Change of {benchmark.replace('_', ' ')}{name_of_b}"
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
    margins, changes = _margins(drawn, scale), _changes(drawn, names, scale)
    left_out = sum(_scale(row) == scale or row.low is None for row in rows) - len(drawn)
    points = [point for one in changes for point in one.points]
    values = axes.within_reach([0.0, *(p.x for p in points)], [end for p in points for end in p.x_ends or ()])
    values += [value for point in margins.points for value in (point.x, point.start)]
    return Figure(
        title=title,
        x=axes.numbers(f"change of B against A, {scale.label}", values),
        y=axes.names(names),
        series=(margins, *changes),
        data=_table(title, names, drawn),
        marks=(Mark(0.0, ""),),
        note="Grey: the margin within which a change counts as none."
        + (f" Not drawn: {left_out} more, which are in the table." if left_out else ""),
    )


def _margins(rows: Sequence[Comparison], scale: _Scale) -> Series:
    points = tuple(
        Point(row.margin / scale.divisor, place, start=-row.margin / scale.divisor) for place, row in enumerate(rows)
    )
    return Series("", NEUTRAL, Shape.BARS, points, is_pale=True)


def _changes(rows: Sequence[Comparison], names: Sequence[str], scale: _Scale) -> list[Series]:
    found: dict[str, list[Point]] = {}
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        low, high = row.low or 0.0, row.high or 0.0
        text = f"{name}: {change_text(row, row.change)} {interval_text(row)} · {_count(row)} · {_word(row)}"
        ends = (low / scale.divisor, high / scale.divisor)
        point = Point(row.change / scale.divisor, place, ends, text=text, cases=(row.before.id,))
        found.setdefault(_COLOURS.get(row.verdict, NEUTRAL), []).append(point)
    return [Series("", colour, Shape.POINTS, tuple(points)) for colour, points in found.items()]


def _count(row: Comparison) -> str:
    runs = row.runs[0] if row.runs[0] == row.runs[1] else f"{row.runs[0]} and {row.runs[1]}"
    return f"n = {runs} {row.replicate}s"


def _word(row: Comparison) -> str:
    return word(row.verdict, unit_of(row.metric))


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
            Cell(_word(row)),
        )
        for name, row in zip(names, rows, strict=True)
    )
    return Table(title, columns, tuple((row,) for row in cells), tuple(row.before.id for row in rows))
