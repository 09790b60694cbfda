"""Charts for choosing: speed against the quality of the output, and against memory, one point per set-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.analysis.pareto import front
from inference_bench.metrics import METRICS, Better, Quantity, quantity_of, title_of, unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Axis, Ends, Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import (
    Seen,
    common,
    headline_of,
    is_of_output,
    says,
    seen,
    serving,
    table,
    unit_for,
    words,
)
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.setups import Key

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

MEMORY = ("device_reserved_peak", "rss_peak_hwm", "rss_peak_sampled")
"""Memory of a set-up: the first that was measured."""


_MOST_NAMES = 10
"""Set-ups above which only those on the front have their name beside them; the others say it under the pointer."""

_SPAN = 0.15
"""Least share of the largest figure that an axis covers."""


@dataclass(frozen=True, slots=True)
class Quality:
    """One figure per set-up, of one metric and from one origin.

    Attributes:
        metric: tag.
        label: what it is, with its origin.
        figures: set-up → figure.
    """

    metric: str
    label: str
    figures: dict[Key, Seen]

    @property
    def rises(self) -> bool:
        """Whether larger is better."""
        return METRICS[self.metric].better is Better.HIGHER


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield a chart for each quality of the output, and one for memory, if two set-ups have both figures."""
    speed = speed_of(run.results)
    if speed is None:
        return
    for other in filter(None, (*outputs_of(run.results), memory_of(run.results))):
        both = [key for key in setups.keys if key in speed.figures and key in other.figures]
        if len(both) > 1:
            yield _figure(speed, other, both, setups)


def speed_of(results: Sequence[BenchmarkResult]) -> Quality | None:
    """Return the speed: of the headline rates (without any, of the durations) the one that most set-ups have."""
    tags = dict.fromkeys(tag for result in results for tag in headline_of(result) if not is_of_output(result))
    timed = [tag for tag in tags if quantity_of(tag) is Quantity.TIME and unit_of(tag) != "fraction"]
    rates = [tag for tag in timed if METRICS[tag].better is Better.HIGHER] or timed
    known = [found for tag in rates if (found := _quality(tag, seen(results, tag)))]
    order = list(METRICS)
    return max(
        known,
        key=lambda one: (len(one.figures), METRICS[one.metric].overview, -order.index(one.metric)),
        default=None,
    )


def outputs_of(results: Sequence[BenchmarkResult]) -> list[Quality]:
    """Return the quality of the output: of each benchmark that asks for it the first headline share."""
    asked = [result for result in results if is_of_output(result)]
    found = []
    for benchmark in dict.fromkeys(result.case.benchmark for result in asked):
        members = [result for result in asked if result.case.benchmark == benchmark]
        tags = dict.fromkeys(tag for result in members for tag in headline_of(result) if unit_of(tag) == "fraction")
        known = [quality for tag in tags if (quality := _quality(tag, seen(members, tag)))]
        found += [max(known, key=lambda one: len(one.figures))] if known else []
    return found


def memory_of(results: Sequence[BenchmarkResult]) -> Quality | None:
    """Return the memory held while serving: the largest of all phases but the load."""
    found = next((found for tag in MEMORY if (found := serving(seen(results, tag)))), [])
    unnamed = _quality(found[0].summary.metric, found) if found else None
    return unnamed and Quality(unnamed.metric, "memory while serving, peak", unnamed.figures)


def _quality(tag: str, found: Sequence[Seen]) -> Quality | None:
    if (best := common(found)) is None:
        return None
    origin, of_setups = best
    differing = len({one.parameters for one in found}) > 1
    at = [item for item in origin.parameters if item[0] in ("input_length", "batch_size", "task")] if differing else []
    parts = (title_of(tag), words(at).replace("task ", ""))
    return Quality(tag, ", ".join(filter(None, parts)), of_setups)


def _figure(speed: Quality, other: Quality, keys: Sequence[Key], setups: Setups) -> Figure:
    x_unit, y_unit = (unit_for(one.metric, one.figures.values()) for one in (speed, other))
    series = []
    for key in keys:
        right, up = speed.figures[key], other.figures[key]
        point = Point(
            x_unit.of(right),
            y_unit.of(up),
            x_unit.ends(right),
            y_unit.ends(up),
            is_sure=right.is_sure and up.is_sure,
            text=f"{says(right, setups)} — {_without_name(says(up, setups), setups.name(key))}",
            cases=(right.result.case.id, up.result.case.id),
            label=setups.name(key),
        )
        series.append(Series("", setups.colour(key), Shape.POINTS, (point,)))
    points = [one.points[0] for one in series]
    signs = [1 if one.rises else -1 for one in (speed, other)]
    best = front([(signs[0] * point.x, signs[1] * point.y) for point in points])
    if len(keys) > _MOST_NAMES:
        series = [one if place in best else _unnamed(one) for place, one in enumerate(series)]
    title = f"Speed against {_what(other)}"
    on_it = ", ".join(setups.name(keys[place]) for place in best)
    return Figure(
        title,
        _axis(speed, x_unit.name, [p.x for p in points], [p.x_ends for p in points], "right is faster"),
        _axis(other, y_unit.name, [p.y for p in points], [p.y_ends for p in points], _upwards(other)),
        series,
        table(title, [(setups.name(key), title_of(o.metric), o.figures[key]) for key in keys for o in (speed, other)]),
        note=f"Line: the Pareto front, which no other set-up beats in both figures: {on_it}. "
        "Crosses: intervals; hollow: without one.",
        front=tuple((points[place].x, points[place].y) for place in best),
    )


def _unnamed(series: Series) -> Series:
    return replace(series, points=tuple(replace(point, label="") for point in series.points))


def _what(other: Quality) -> str:
    return "memory" if quantity_of(other.metric) is Quantity.MEMORY else title_of(other.metric)


def _upwards(other: Quality) -> str:
    return "up is better" if other.rises else "up is less"


def _without_name(text: str, name: str) -> str:
    return text.removeprefix(f"{name}: ")


def _axis(quality: Quality, unit: str, values: Sequence[float], ends: Sequence[Ends | None], better: str) -> Axis:
    shown = axes.within_reach(values, [end for pair in ends if pair for end in pair])
    if unit_of(quality.metric) == "fraction":
        shown = [min(1.0, value) for value in shown]
    label = f"{quality.label}{f' [{unit}]' if unit else ''}, {better}"
    return axes.around(label, shown, span=_SPAN, is_flipped=not quality.rises)
