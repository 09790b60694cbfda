"""What each objective asks for and what was measured, against the rate of requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.metrics import title_of
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import MOST_SERIES, Figure, Level, Point, Series, Shape
from inference_bench.reports._figures.observed import left_out, only, varying, words
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.setups import key_of
from inference_bench.reports._pages.slo_lines import evidence
from inference_bench.result import SloOutcome
from inference_bench.slo import parse_slo
from inference_bench.units import NS_PER_MS, NS_PER_S, NS_PER_US, format_ns

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, SloVerdict
    from inference_bench.results.run import Run

_STEPS = ((NS_PER_S, "s"), (NS_PER_MS, "ms"), (NS_PER_US, "µs"), (1, "ns"))


@dataclass(frozen=True, slots=True)
class _Judged:
    """The verdict of one objective at one rate."""

    result: BenchmarkResult
    rate: float
    verdict: SloVerdict


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart per objective that has a limit and was judged at two rates or more."""
    judged = [(result, verdict) for result in run.results if result.slo for verdict in result.slo.verdicts]
    for text in dict.fromkeys(verdict.slo for _, verdict in judged):
        at = [(result, _rate(result), verdict) for result, verdict in judged if verdict.slo == text]
        found = [_Judged(result, rate, verdict) for result, rate, verdict in at if rate]
        if parse_slo(text).limit_ns and len({each.rate for each in found if each.verdict.value_ns is not None}) > 1:
            yield _figure(text, found, setups)


def _rate(result: BenchmarkResult) -> float | None:
    try:
        return float(result.case.parameters["rate"])
    except (KeyError, ValueError):
        return None


def _figure(text: str, found: Sequence[_Judged], setups: Setups) -> Figure:
    slo = parse_slo(text)
    assert slo.limit_ns is not None
    known = [each for each in found if each.verdict.value_ns is not None]
    divisor, unit = _unit([slo.limit_ns, *(each.verdict.value_ns or 0.0 for each in known)])
    curves = _curves(known, setups)
    drawn = list(curves.items())[:MOST_SERIES]
    colours = [setups.colour(key_of(of[0].result)) for _, of in drawn]
    if len(setups) == 1:
        colours = setups.colours(setups.keys[0], len(drawn))
    series = [
        Series(name, colour, Shape.LINE, tuple(_point(each, divisor) for each in of))
        for (name, of), colour in zip(drawn, colours, strict=True)
    ]
    rates = sorted({each.rate for each in known})
    metric = f"{title_of(slo.metric)} p{100 * slo.share:.10g}"
    title = f"{metric[:1].upper()}{metric[1:]} against rate, {text}"
    values = [slo.limit_ns / divisor, *(point.y for one in series for point in one.points)]
    open_ones = any(each.verdict.outcome is SloOutcome.OPEN for each in known)
    failed = sum(each.verdict.value_ns is None for each in found)
    notes = (
        "Hollow: not enough data for a verdict." if open_ones else "",
        f"Not drawn: {failed} whose quantile is that of a failed request." if failed else "",
        left_out(len(curves), len(drawn)),
    )
    return Figure(
        title,
        axes.logarithmic("rate [requests/s]", rates, rates),
        axes.magnitudes(f"{metric} [{unit}], lower is better", values),
        series,
        _table(title, found, setups),
        levels=[Level(slo.limit_ns / divisor, f"objective: {format_ns(slo.limit_ns)}")],
        note=" ".join(filter(None, notes)),
    )


def _unit(values: Sequence[float]) -> tuple[int, str]:
    return next(((size, name) for size, name in _STEPS if max(values) >= size), _STEPS[-1])


def _curves(found: Sequence[_Judged], setups: Setups) -> dict[str, list[_Judged]]:
    """Return the points of each curve by its name: the set-up, and the parameters in which cases differ."""
    differing = [
        name for name in varying(tuple(each.result.case.parameters.items()) for each in found) if name != "rate"
    ]
    curves: dict[str, list[_Judged]] = {}
    for each in sorted(found, key=lambda each: each.rate):
        others = words(only(tuple(each.result.case.parameters.items()), differing))
        name = setups.name(key_of(each.result)) if len(setups) > 1 or not others else ""
        curves.setdefault(", ".join(filter(None, (name, others))), []).append(each)
    return curves


def _point(each: _Judged, divisor: int) -> Point:
    return Point(
        each.rate,
        (each.verdict.value_ns or 0.0) / divisor,
        is_sure=each.verdict.outcome is not SloOutcome.OPEN,
        text=f"{each.verdict.outcome} at {each.rate:g} requests/s: {evidence(each.verdict)}",
        cases=(each.result.case.id,),
    )


def _table(title: str, found: Sequence[_Judged], setups: Setups) -> Table:
    columns = (Column("of"), Column("rate", numeric=True), Column("verdict"), Column("evidence"))
    rows = [
        (
            Cell(setups.name(key_of(each.result))),
            Cell(f"{each.rate:g}"),
            Cell(each.verdict.outcome),
            Cell(evidence(each.verdict)),
        )
        for each in found
    ]
    return Table(title, columns, tuple((row,) for row in rows), tuple(each.result.case.id for each in found))
