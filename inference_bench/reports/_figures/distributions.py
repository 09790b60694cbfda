"""Distributions of the samples behind the headline durations, one curve per set-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.errors import RunFormatError
from inference_bench.metrics import is_derived, title_of, unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import MOST_SERIES, Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import (
    Seen,
    Unit,
    common,
    headline_of,
    left_out,
    only,
    seen,
    table,
    unit_for,
    varying,
    words,
)
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._figures.thinning import evenly
from inference_bench.result import BenchmarkResult, Stage

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_FEWEST = 10
"""Samples that a distribution needs."""

_MOST_METRICS = 2
"""Metrics of one benchmark."""

_HOW_TO_READ = "A steep curve means little spread, a step is a second mode, and the flat end is the tail."


@dataclass(frozen=True, slots=True)
class _Sampled:
    seen: Seen
    samples: np.ndarray


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart for each of the first headline durations of a benchmark; each metric is drawn once."""
    drawn: set[str] = set()
    for benchmark in dict.fromkeys(result.case.benchmark for result in run.results):
        members = [result for result in run.results if result.case.benchmark == benchmark]
        tags = dict.fromkeys(tag for result in members for tag in headline_of(result))
        durations = [tag for tag in tags if unit_of(tag) == "ns" and not is_derived(tag)][:_MOST_METRICS]
        for tag in (tag for tag in durations if tag not in drawn):
            if (figure := _figure(run, tag, members, setups)) is not None:
                yield figure
                drawn.add(tag)


def _figure(run: Run, tag: str, members: Sequence[BenchmarkResult], setups: Setups) -> Figure | None:
    found = seen(members, tag)
    best = common(found)
    if best is None:
        return None
    origin, of_setups = best
    several = len(setups) > 1
    wanted = [of_setups[key] for key in setups.keys if key in of_setups] if several else found
    curves = [one for each in wanted[:MOST_SERIES] if len((one := _sampled(run, each)).samples) >= _FEWEST]
    if not curves:
        return None
    unit = unit_for(tag, [one.seen for one in curves])
    differing = varying(one.parameters for one in found)
    names = [_name(one.seen, differing, setups) for one in curves]
    colours = [setups.colour(o.seen.key) for o in curves] if several else setups.colours(found[0].key, len(curves))
    series = [_curve(*each, unit) for each in zip(curves, names, colours, strict=True)]
    at = words(only(origin.parameters, differing)) if several else ""
    title = f"Distribution of {title_of(tag)}, {found[0].result.case.benchmark.replace('_', ' ')}"
    return Figure(
        title + (f", {at}" if at else ""),
        axes.magnitudes(f"{title_of(tag)} [{unit.name}], left is better", [p.x for one in series for p in one.points]),
        axes.numbers("samples at most this long [%]", [0.0, 100.0], high=100.0),
        series,
        table(title, [(name, f"{len(o.samples):,}", o.seen) for name, o in zip(names, curves, strict=True)], "samples"),
        note=f"{_HOW_TO_READ} {left_out(len(wanted), len(curves))}",
    )


def _name(one: Seen, differing: Sequence[str], setups: Setups) -> str:
    return setups.name(one.key) if len(setups) > 1 else words(only(one.parameters, differing)) or setups.name(one.key)


def _sampled(run: Run, one: Seen) -> _Sampled:
    """Return the measured samples in ascending order; none if their file cannot be read."""
    try:
        table = run.samples(one.result)
    except RunFormatError:
        return _Sampled(one, np.array([]))
    columns = {name: table.column(name).to_numpy() for name in ("metric", "phase", "stage", "value")}
    chosen = (columns["metric"] == one.summary.metric) & (columns["stage"] == Stage.MEASURED.value)
    chosen &= columns["phase"] == one.summary.phase
    return _Sampled(one, np.sort(columns["value"][chosen]).astype(float))


def _curve(one: _Sampled, name: str, colour: str, unit: Unit) -> Series:
    count = len(one.samples)
    cases = (one.seen.result.case.id,)
    steps = [(float(one.samples[at] / unit.divisor), 100 * (at + 1) / count) for at in evenly(count)]
    points = (Point(steps[0][0], 0.0, cases=cases), *(Point(x, y, cases=cases) for x, y in steps))
    says = f"{name}: {{y}} % of {count:,} samples take at most {{x}} {unit.name}"
    return Series(name, colour, Shape.STEPS, points, says=says)
