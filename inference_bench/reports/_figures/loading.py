"""Where loading time goes: one stacked bar per set-up and state of the page cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import SHADES, Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import Seen, left_out, only, says, seen, table, varying, words
from inference_bench.reports._figures.setups import Setups
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_MOST_ROWS = 16
_SHORTEST = 0.001
"""Seconds below which a step is in the table only."""

_WHOLE = ("total", "compile")
"""Steps that contain others."""


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart of the steps of loading."""
    steps: dict[str, dict[str, Seen]] = {}
    for each in seen(run.results, "load_time"):
        steps.setdefault(each.result.case.id, {})[each.summary.phase] = each
    if not steps:
        return
    drawn = list(steps.values())[:_MOST_ROWS]
    differing = varying(next(iter(of_case.values())).parameters for of_case in drawn)
    names = [_name(next(iter(of_case.values())), differing, setups) for of_case in drawn]
    phases = [phase for phase in dict.fromkeys(p for of_case in drawn for p in of_case) if phase not in _WHOLE]
    phases = [phase for phase in phases if any(_seconds(of_case.get(phase)) > _SHORTEST for of_case in drawn)]
    series = []
    starts = [0.0] * len(drawn)
    for number, phase in enumerate(phases):
        points = []
        for row, of_case in enumerate(drawn):
            if phase in of_case:
                one = of_case[phase]
                end = starts[row] + _seconds(one)
                points.append(Point(end, row, start=starts[row], text=says(one, setups), cases=(one.result.case.id,)))
                starts[row] = end
        series.append(Series(phase.replace("_", " "), f"s{number % SHADES}", Shape.BARS, tuple(points)))
    title = "Where loading time goes"
    rows = [(name, phase, one) for name, of_case in zip(names, drawn, strict=True) for phase, one in of_case.items()]
    yield Figure(
        title,
        axes.numbers("median time [s], shorter is faster", starts),
        axes.names(names),
        series,
        table(title, rows, "step"),
        note=f"Steps under a millisecond are in the table only. {left_out(len(steps), len(drawn))}",
    )


def _seconds(one: Seen | None) -> float:
    return one.value / NS_PER_S if one else 0.0


def _name(one: Seen, differing: list[str], setups: Setups) -> str:
    parts = [setups.name(one.key)] if len(setups) > 1 else []
    parts += [words(only(one.parameters, differing))] if differing else []
    return ", ".join(parts) or setups.name(one.key)
