"""Memory: all set-ups on one scale by phase, and over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from inference_bench.errors import RunFormatError
from inference_bench.metrics import title_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.choosing import MEMORY
from inference_bench.reports._figures.figure import MOST_SERIES, Figure, Mark, Point, Series, Shape
from inference_bench.reports._figures.observed import (
    LOAD,
    Seen,
    Unit,
    left_out,
    says,
    seen,
    table,
    unit_for,
    words,
)
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._figures.thinning import MOST_POINTS, extremes
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.setups import Key, key_of
from inference_bench.units import MIB, NS_PER_S

if TYPE_CHECKING:
    import numpy as np

    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_FEW_SETUPS = 4
"""Set-ups up to which each phase has a row of its own."""

_MOST_SETUPS = 16


def by_phase(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart with the peak of each phase of each set-up; the load, which lasts a moment, is pale."""
    found = next((found for tag in MEMORY if (found := seen(run.results, tag))), [])
    of_setups = _largest(found)
    keys = [key for key in setups.keys if key in of_setups][:_MOST_SETUPS]
    if not keys:
        return
    unit = unit_for(found[0].summary.metric, found)
    names: list[str] = []
    headings: list[int] = []
    series: list[Series] = []
    rows: list[tuple[str, str, Seen]] = []
    in_rows = len(keys) <= _FEW_SETUPS
    for key in keys:
        phases = of_setups[key]
        row = len(names)
        names.append(setups.name(key))
        if in_rows:
            headings.append(row)
            names += list(phases)
        for place, (phase, one) in enumerate(phases.items()):
            lanes = len(phases)
            y = row + 1 + place if in_rows else row + 0.8 * ((place + 0.5) / lanes - 0.5)
            thickness = 0.6 if in_rows else 0.8 / lanes
            series.append(_bar(one, y, unit, setups, phase, thickness))
            rows.append((setups.name(key), phase, one))
    title = "Memory by phase, one scale"
    values = [value for one in series for p in one.points for value in (p.x, *(p.x_ends or ()))]
    order = ", ".join(dict.fromkeys(phase for key in keys for phase in of_setups[key]))
    hollow = "Hollow: without an interval. " if any(not p.is_sure for one in series for p in one.points) else ""
    where = "" if in_rows else f"From the top: {order}. "
    yield Figure(
        title,
        axes.numbers(f"{title_of(found[0].summary.metric)} [{unit.name}], shorter is less", values),
        axes.names(names, headings),
        series,
        table(title, rows, "phase"),
        note=f"{where}Pale: the load, which needs its peak for a moment only. {hollow}"
        + left_out(len(of_setups), len(keys)),
    )


def _largest(found: Sequence[Seen]) -> dict[Key, dict[str, Seen]]:
    """Return for each set-up and phase the case that holds most."""
    most: dict[Key, dict[str, Seen]] = {}
    for one in found:
        phases = most.setdefault(one.key, {})
        if one.summary.phase not in phases or phases[one.summary.phase].value < one.value:
            phases[one.summary.phase] = one
    return most


def _bar(one: Seen, y: float, unit: Unit, setups: Setups, phase: str, thickness: float) -> Series:
    point = Point(
        unit.of(one),
        y,
        unit.ends(one),
        is_sure=one.is_sure,
        text=says(one, setups),
        cases=(one.result.case.id,),
    )
    return Series("", setups.colour(one.key), Shape.BARS, (point,), is_pale=phase == LOAD, thickness=thickness)


# Over time


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Memory of one process.

    Attributes:
        result: its case.
        phases: of each reading.
        seconds: since the first reading.
        sizes: resident bytes.
    """

    result: BenchmarkResult
    phases: np.ndarray
    seconds: np.ndarray
    sizes: np.ndarray

    @property
    def phase_set(self) -> tuple[str, ...]:
        """The phases of the case; the readings may have missed one that lasted for less than the sampler's interval."""
        return tuple(dict.fromkeys(summary.phase for summary in self.result.summaries))


def over_time(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart per set of phases, with the first process of the largest case of each set-up."""
    of_setups: dict[tuple[tuple[str, ...], Key], _Timeline] = {}
    for result in run.results:
        if (run.files.get(result.case.id) or {}).get("memory") and (timeline := _read(run, result)):
            of_setups[timeline.phase_set, key_of(result)] = timeline
    for phases in dict.fromkeys(phases for phases, _ in of_setups):
        lines = [timeline for (its, _), timeline in of_setups.items() if its == phases]
        yield _over_time(lines, setups)


def _over_time(lines: Sequence[_Timeline], setups: Setups) -> Figure:
    drawn = lines[:MOST_SERIES]
    series = [_curve(line, setups) for line in drawn]
    (first, *others) = drawn
    differing = "" if len({tuple(line.result.case.parameters.items()) for line in drawn}) > 1 else " case"
    case = words(first.result.case.parameters.items())
    title = f"Memory over time, {first.result.case.benchmark.replace('_', ' ')}"
    marked = "" if others else "Each phase is marked where it first occurs. "
    return Figure(
        title,
        axes.numbers("time since the worker began to load [s]", [p.x for one in series for p in one.points]),
        axes.numbers("resident memory [MiB]", [p.y for one in series for p in one.points]),
        series,
        _phase_table(title, drawn, setups),
        [] if others else _phase_marks(first),
        note=f"{marked}First process of{differing} {case}. {left_out(len(lines), len(drawn))}",
    )


def _curve(line: _Timeline, setups: Setups) -> Series:
    key = key_of(line.result)
    keep = extremes(line.sizes, MOST_POINTS)
    points = tuple(
        Point(float(line.seconds[at]), float(line.sizes[at] / MIB), cases=(line.result.case.id,)) for at in keep
    )
    name = setups.name(key)
    return Series(name, setups.colour(key), Shape.CURVE, points, says=f"{name}: {{y}} MiB after {{x}} s")


def _read(run: Run, result: BenchmarkResult) -> _Timeline | None:
    try:
        table = run.memory(result)
    except RunFormatError:
        return None
    if table.num_rows < 2:
        return None
    runs = table.column("run").to_numpy()
    first = runs == runs.min()
    times = table.column("time_ns").to_numpy()[first]
    phases = table.column("phase").to_numpy()[first]
    sizes = table.column("rss_bytes").to_numpy()[first]
    return _Timeline(result, phases, (times - times[0]) / NS_PER_S, sizes)


def _stretches(phases: np.ndarray) -> Iterator[tuple[str, int, int]]:
    """Yield each stretch of one phase: its name, its first reading, and the one after its last."""
    changes = [0, *(at for at in range(1, len(phases)) if phases[at] != phases[at - 1]), len(phases)]
    for begin, end in pairwise(changes):
        yield str(phases[begin]), begin, end


def _phase_marks(line: _Timeline) -> list[Mark]:
    marks: dict[str, Mark] = {}
    for phase, begin, end in _stretches(line.phases):
        if phase and phase != "between" and phase not in marks:
            marks[phase] = Mark(float(line.seconds[begin]), phase, float(line.seconds[end - 1]))
    return list(marks.values())


def _phase_table(title: str, lines: Sequence[_Timeline], setups: Setups) -> Table:
    """Return one row per set-up and phase, however often it occurs, and one for the time outside of phases."""
    names = ("times", "first begins", "last ends", "peak")
    sections = tuple(tuple(_phase_rows(line, setups)) for line in lines)
    columns = (Column("of"), Column("phase"), *(Column(name, numeric=True) for name in names))
    return Table(title, columns, sections, tuple(line.result.case.id for line in lines))


def _phase_rows(line: _Timeline, setups: Setups) -> Iterator[tuple[Cell, ...]]:
    where: dict[str, list[tuple[int, int]]] = {}
    for phase, begin, end in _stretches(line.phases):
        where.setdefault("" if phase == "between" else phase, []).append((begin, end))
    for phase, found in where.items():
        yield (
            Cell(setups.name(key_of(line.result))),
            Cell(phase or "none"),
            Cell(f"{len(found):,}"),
            Cell(f"{line.seconds[found[0][0]]:.3f} s"),
            Cell(f"{line.seconds[found[-1][1] - 1]:.3f} s"),
            Cell(f"{max(line.sizes[begin:end].max() for begin, end in found) / MIB:,.1f} MiB"),
        )
