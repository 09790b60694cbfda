"""Rates per set-up as bars: prefill, decode, throughput; durations of benchmarks that have no rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS, Better, Quantity, quantity_of, title_of, unit_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Figure, Point, Series, Shape
from inference_bench.reports._figures.observed import (
    Origin,
    Seen,
    by_origin,
    headline_of,
    is_of_output,
    left_out,
    only,
    says,
    seen,
    table,
    unit_for,
    varying,
    words,
)
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.setups import Key

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_MOST_ROWS = 24


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart per rate of each benchmark, with two bars or more."""
    timed = [result for result in run.results if not is_of_output(result)]
    for benchmark in dict.fromkeys(result.case.benchmark for result in timed):
        members = [result for result in timed if result.case.benchmark == benchmark]
        for tag in _tags(members):
            found = seen(members, tag)
            if len(found) > 1:
                yield _figure(tag, found, setups)


def _tags(members: Sequence[BenchmarkResult]) -> list[str]:
    """Return the headline rates, of several functions of one duration the first; without any, the first duration."""
    headline = dict.fromkeys(tag for result in members for tag in headline_of(result))
    timed = [tag for tag in headline if quantity_of(tag) is Quantity.TIME and unit_of(tag) != "fraction"]
    rates = [tag for tag in timed if METRICS[tag].better is Better.HIGHER]
    first = {METRICS[tag].derived_from or tag: tag for tag in reversed(rates)}
    has_steps = len({s.phase for r in members for s in r.summaries if s.metric in timed[:1]}) > 1
    return list(reversed(first.values())) or ([] if has_steps else timed[:1])


def _figure(tag: str, found: Sequence[Seen], setups: Setups) -> Figure:
    origins = by_origin(found)
    several = len(setups) > 1
    chosen = _fitting(origins)
    unit = unit_for(tag, found)
    differing = varying(origin.parameters for origin in origins)
    names: list[str] = []
    headings: list[int] = []
    bars: dict[Key, list[Point]] = {}
    rows: list[tuple[str, str, Seen]] = []
    for origin, of_setups in chosen.items():
        place = words(only(origin.parameters, differing))
        if several and len(origins) > 1:
            headings.append(len(names))
            names.append(place)
        for key in (key for key in setups.keys if key in of_setups):
            one = of_setups[key]
            point = Point(
                unit.of(one),
                len(names),
                unit.ends(one),
                is_sure=one.is_sure,
                text=says(one, setups),
                cases=(one.result.case.id,),
            )
            bars.setdefault(key, []).append(point)
            names.append(setups.name(key) if several else place or setups.name(key))
            rows.append((setups.name(key), place or origin.phase, one))
    benchmark = found[0].result.case.benchmark.replace("_", " ")
    better = "longer is faster" if METRICS[tag].better is Better.HIGHER else "shorter is faster"
    per = f" {unit.name}" if "/" in unit.name else ""
    title = f"{title_of(tag)[:1].upper()}{title_of(tag)[1:]}{per}, {benchmark}"
    points = [point for of_key in bars.values() for point in of_key]
    values = axes.within_reach([p.x for p in points], [end for p in points if p.x_ends for end in p.x_ends])
    hollow = "Hollow: without an interval." if any(not point.is_sure for point in points) else ""
    return Figure(
        title,
        axes.numbers(f"{title_of(tag)} [{unit.name}], {better}", [max(0.0, value) for value in values]),
        axes.names(names, headings),
        [Series("", setups.colour(key), Shape.BARS, tuple(points)) for key, points in bars.items()],
        table(title, rows, "case" if differing else ""),
        note=" ".join(filter(None, (hollow, left_out(len(origins), len(chosen))))),
    )


def _fitting(origins: dict[Origin, dict[Key, Seen]]) -> dict[Origin, dict[Key, Seen]]:
    """Return as many origins as a chart has room for; of too many the last, which have the largest parameters."""
    chosen: dict[Origin, dict[Key, Seen]] = {}
    rows = 0
    for origin, of_setups in reversed(origins.items()):
        rows += 1 + len(of_setups)
        if chosen and rows > _MOST_ROWS:
            break
        chosen[origin] = of_setups
    return dict(reversed(chosen.items()))
