"""Flame charts: one repetition of each step of a breakdown, from the whole step down to its operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.analysis.breakdown import PROFILER, median_repetition, self_ns
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Axis, Figure, Point, Series, Shape
from inference_bench.reports._pages.breakdown import operations_of
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.units import NS_PER_MS, format_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference_bench.reports._figures.setups import Setups
    from inference_bench.result import Operations
    from inference_bench.results.run import Run

_MOST_CASES = 3
"""Cases of a run that are drawn; the tables have all."""
_NARROWEST = 1 / 500
"""Share of the step below which a span is left out: it would be narrower than a pixel on a phone."""
_KINDS = (("step", "c6"), ("module", "c0"), ("operator", "c1"))
"""What a span is, and its colour."""


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart for each step of the first cases that have a breakdown."""
    places = Places(run.results)
    found = ((result, operations_of(run, result)) for result in run.results)
    drawn = [(result, table) for result, table in found if table is not None][:_MOST_CASES]
    for result, table in drawn:
        own_ns = self_ns(table)
        for step in dict.fromkeys(table.step[table.recorded_by == PROFILER].tolist()):
            yield _figure(f"{step}, {places.name(result.case)}", result.case.id, table, own_ns, str(step))


def _figure(name: str, case: str, table: Operations, own_ns: NDArray[np.int64], step: str) -> Figure:
    rows = _rows(table, step)
    begin_ns, whole_ns = int(table.start_ns[rows[0]]), int(table.duration_ns[rows[0]])
    wide = [row for row in rows if table.duration_ns[row] >= whole_ns * _NARROWEST]
    series = [_series(kind, colour, table, own_ns, wide, begin_ns, whole_ns, case) for kind, colour in _KINDS]
    deepest = max(int(table.depth[row]) for row in wide)
    columns = (
        Column("span"),
        Column("depth", numeric=True),
        Column("took", numeric=True),
        Column("self", numeric=True),
    )
    cells = tuple((_cells(table, own_ns, row),) for row in wide)
    title = f"Where the time goes: {name}"
    return Figure(
        title,
        axes.numbers("time since the step began [ms]", [0.0, whole_ns / NS_PER_MS], high=whole_ns / NS_PER_MS),
        Axis("", -0.5, deepest + 0.5, is_flipped=True),
        [each for each in series if each.points],
        Table(title, columns, cells, (case,) * len(cells)),
        note="The repetition of median length, recorded with hooks and torch.profiler, which make it longer: the table "
        "below says how much. What took less than 0.2 % of the step is left out.",
    )


def _rows(table: Operations, step: str) -> list[int]:
    """Return the rows of the repetition whose step took the median time, the step first."""
    repetition = median_repetition(table, step, PROFILER)
    chosen = (table.recorded_by == PROFILER) & (table.step == step) & (table.repetition == repetition)
    found: list[int] = np.flatnonzero(chosen & (table.thread == "main")).tolist()
    return found


def _series(
    kind: str,
    colour: str,
    table: Operations,
    own_ns: NDArray[np.int64],
    rows: list[int],
    begin_ns: int,
    whole_ns: int,
    case: str,
) -> Series:
    points = tuple(
        Point(
            (int(table.start_ns[row] + table.duration_ns[row]) - begin_ns) / NS_PER_MS,
            float(table.depth[row]),
            start=(int(table.start_ns[row]) - begin_ns) / NS_PER_MS,
            text=_text(table, own_ns, row, whole_ns),
            label=_label(table, row),
            cases=(case,),
        )
        for row in rows
        if _kind(table, row) == kind
    )
    return Series(kind, colour, Shape.FRAMES, points, is_pale=True, thickness=0.94)


def _kind(table: Operations, row: int) -> str:
    if table.operator[row]:
        return "operator"
    return "module" if table.module[row] else "step"


def _name(table: Operations, row: int) -> str:
    return str(table.operator[row] or table.module[row] or table.step[row])


def _label(table: Operations, row: int) -> str:
    """Return the last part of a name; the number of a layer with the word before it."""
    words = _name(table, row).replace("aten::", "").split(".")
    return ".".join(words[-2:]) if words[-1].isdigit() else words[-1]


def _text(table: Operations, own_ns: NDArray[np.int64], row: int, whole_ns: int) -> str:
    took_ns, inside = int(table.duration_ns[row]), str(table.module[row])
    share = f"{took_ns / whole_ns:.1%} of the step" if whole_ns else ""
    where = f" · in {inside}" if table.operator[row] and inside else ""
    return f"{_name(table, row)} · {format_ns(took_ns)}, {share} · itself {format_ns(int(own_ns[row]))}{where}"


def _cells(table: Operations, own_ns: NDArray[np.int64], row: int) -> tuple[Cell, ...]:
    took_ns = int(table.duration_ns[row])
    words = (_name(table, row), f"{table.depth[row]}", format_ns(took_ns), format_ns(int(own_ns[row])))
    return tuple(map(Cell, words))
