"""A metric against a parameter, one line per set-up: latency by length, throughput by batch size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.analysis.batch_knee import THROUGHPUT, gains, knee
from inference_bench.metrics import title_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import MOST_SERIES, Figure, Mark, Point, Series, Shape
from inference_bench.reports._figures.observed import (
    Parameters,
    Seen,
    Unit,
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
from inference_bench.reports._figures.thinning import evenly
from inference_bench.reports._pages.setups import Key

if TYPE_CHECKING:
    from inference_bench.results.run import Run


@dataclass(frozen=True, slots=True)
class _Chart:
    """A metric of a benchmark against one of its parameters."""

    benchmark: str
    metric: str
    parameter: str
    unit: str = ""
    better: str = "lower is better"


_CHARTS = (
    *(_Chart("inference_speed", metric, "input_length", "tokens") for metric in ("ttft", "tpot", "forward_time")),
    _Chart("batch_processing", THROUGHPUT, "batch_size", better="higher is better"),
    *(
        _Chart("serving_load", metric, parameter, unit)
        for metric in ("request_latency", "request_ttft", "request_tpot")
        for parameter, unit in (("rate", "requests/s"), ("concurrency", "clients"))
    ),
)

_Curve = tuple[Key, Parameters]
"""A set-up, and the other parameters in which its cases differ."""


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield the charts in which a line has two points."""
    for chart in _CHARTS:
        found = [
            one
            for one in seen(run.results, chart.metric)
            if one.result.case.benchmark == chart.benchmark and _place(one, chart.parameter) is not None
        ]
        curves = _curves(found, chart.parameter, is_single=len(setups) == 1)
        if any(len(points) > 1 for points in curves.values()):
            yield _figure(chart, curves, setups)


def _place(one: Seen, parameter: str) -> float | None:
    try:
        place = float(one.result.case.parameters[parameter])
    except (KeyError, ValueError):
        return None
    return place if place > 0 else None


def _curves(found: Sequence[Seen], parameter: str, *, is_single: bool) -> dict[_Curve, list[Seen]]:
    """Return the points of each curve; of several set-ups one curve each, with the parameters that most have."""
    differing = [name for name in varying(one.parameters for one in found) if name != parameter]
    curves: dict[_Curve, list[Seen]] = {}
    for one in found:
        curves.setdefault((one.key, only(one.parameters, differing)), []).append(one)
    if not is_single and curves:
        count = Counter(others for _, others in curves)
        most = max(reversed(count), key=lambda others: count[others])  # of equals the last, which is the largest
        curves = {curve: points for curve, points in curves.items() if curve[1] == most}
    return {curve: sorted(points, key=lambda one: _place(one, parameter) or 0.0) for curve, points in curves.items()}


def _figure(chart: _Chart, curves: dict[_Curve, list[Seen]], setups: Setups) -> Figure:
    thinned = {curve: [points[at] for at in evenly(len(points))] for curve, points in curves.items()}
    drawn = list(thinned.items())[:MOST_SERIES]
    unit = unit_for(chart.metric, [one for _, points in drawn for one in points])
    colours = _colours([curve for curve, _ in drawn], setups)
    series = [
        Series(_name(curve, setups, len(drawn)), colour, Shape.LINE, _points(points, chart.parameter, unit, setups))
        for (curve, points), colour in zip(drawn, colours, strict=True)
    ]
    parameter = chart.parameter.replace("_", " ")
    title = f"{_title(chart.metric)} against {parameter}"
    if len(setups) > 1 and drawn[0][0][1]:
        title += f", {words(drawn[0][0][1])}"
    if chart.benchmark != "inference_speed":
        title += f", {chart.benchmark.replace('_', ' ')}"
    places = sorted({point.x for one in series for point in one.points})
    points = [point for one in series for point in one.points]
    values = axes.within_reach([p.y for p in points], [end for p in points for end in p.y_ends or ()])
    knees = dict(_knees(drawn, setups)) if chart.metric == THROUGHPUT else {}
    rows = [(_name(curve, setups, 2), f"{_place(one, chart.parameter):g}", one) for curve, of in drawn for one in of]
    unsure = any(not point.is_sure for one in series for point in one.points)
    return Figure(
        title,
        axes.logarithmic(f"{parameter}{f' [{chart.unit}]' if chart.unit else ''}", places, places),
        axes.magnitudes(f"{title_of(chart.metric)} [{unit.name}], {chart.better}", values, several=len(series) > 1),
        series,
        table(title, rows, parameter),
        [Mark(float(at), f"knee: {at}") for at in knees.values()] if len(series) == 1 else [],
        note=" ".join(
            filter(
                None,
                (
                    "Hollow, dashed: without an interval." if unsure else "",
                    *(_of_knee(name, at, len(series)) for name, at in knees.items()),
                    left_out(len(curves), len(drawn)),
                ),
            )
        ),
    )


def _title(metric: str) -> str:
    title = title_of(metric)
    return title[:1].upper() + title[1:]


def _name(curve: _Curve, setups: Setups, count: int) -> str:
    key, others = curve
    return words(others) if len(setups) == 1 and others and count > 1 else setups.name(key)


def _colours(curves: Sequence[_Curve], setups: Setups) -> list[str]:
    if len(setups) > 1:
        return [setups.colour(key) for key, _ in curves]
    return setups.colours(curves[0][0], len(curves))


def _points(found: Sequence[Seen], parameter: str, unit: Unit, setups: Setups) -> tuple[Point, ...]:
    return tuple(
        Point(
            _place(one, parameter) or 0.0,
            unit.of(one),
            y_ends=unit.ends(one),
            is_sure=one.is_sure,
            text=says(one, setups),
            cases=(one.result.case.id,),
        )
        for one in found
    )


def _knees(curves: Sequence[tuple[_Curve, list[Seen]]], setups: Setups) -> Iterator[tuple[str, int]]:
    for curve, points in curves:
        if all(one.value > 0 and (one.summary.headline.low or 1.0) > 0 for one in points):
            sizes = [(int(_place(one, "batch_size") or 0), one.summary.headline) for one in points]
            if (found := knee(gains(sizes))) is not None:
                yield _name(curve, setups, len(curves)), found


def _of_knee(name: str, at: int, count: int) -> str:
    sentence = f"rom batch size {at} on, doubling gains less than a tenth."
    return f"{name}: f{sentence}" if count > 1 else f"F{sentence}"
