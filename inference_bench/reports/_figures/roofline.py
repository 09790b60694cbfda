"""The roofline: how many operations per second each phase reaches, under what bandwidth and arithmetic allow.

Williams, Waterman, Patterson 2009, "Roofline: An Insightful Visual Performance Model". Both ceilings are measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.analysis.demands import demands_of
from inference_bench.analysis.machine_use import machine_uses
from inference_bench.reports._figures import axes
from inference_bench.reports._figures.figure import Ends, Figure, Point, Series, Shape
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.ceilings_remarks import busy_remark
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.run_advice import stored_advice
from inference_bench.results.ceilings_store import ceilings_to_show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_bench.ceilings import Ceilings, Interval
    from inference_bench.reports._figures.setups import Setups
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run
    from inference_bench.spec import Setup

_GIGA = 1e9
_PHASES = {
    "prefill_flop_rate": ("prefill", "c1"),
    "decode_flop_rate": ("decode", "c0"),
    "forward_flop_rate": ("forward", "c2"),
}
"""Metric → the phase and its colour."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A phase of a case: operations per byte, 10⁹ operations per second with their interval, and the bytes read."""

    case: str
    name: str
    phase: str
    colour: str
    intensity: float
    rate: float
    ends: Ends | None
    read_bytes: float


def figures(run: Run, setups: Setups) -> Iterator[Figure]:
    """Yield one chart per device, dtype and number of threads whose ceilings are on record."""
    stored = stored_advice(run)
    ceilings = {} if stored is None else {each.device: each for each in stored.ceilings}
    places = Places(run.results)
    for setup in dict.fromkeys(result.case.setup for result in run.results):
        results = [result for result in run.results if result.case.setup == setup]
        spots = [spot for result in results for spot in _spots(result, places.name(result.case))]
        of_device = ceilings.get(setup.device) or ceilings_to_show(run.record, setup.device)
        if spots and of_device is not None:
            yield from _of_setup(setup, spots, of_device)


def _spots(result: BenchmarkResult, name: str) -> Iterator[_Spot]:
    demands = demands_of(result)
    amounts: Mapping[str, float] = next((worker["rates"] for worker in result.workers if worker.get("rates")), {})
    for use in machine_uses(result):
        tag, rate = use.rate.metric, use.rate.headline
        if tag not in _PHASES or demands is None or rate.value is None or tag not in amounts:
            continue
        # A prompt is read with the weights once; what it keeps for later is little beside them.
        read = float(amounts.get("achieved_bandwidth", 0)) if tag == "decode_flop_rate" else float(demands.weight_bytes)
        if read > 0:
            ends = None if rate.low is None or rate.high is None else (rate.low / _GIGA, rate.high / _GIGA)
            phase, colour = _PHASES[tag]
            yield _Spot(result.case.id, name, phase, colour, amounts[tag] / read, rate.value / _GIGA, ends, read)


def _of_setup(setup: Setup, spots: Sequence[_Spot], ceilings: Ceilings) -> Iterator[Figure]:
    read = ceilings.read_bandwidth(setup.threads, round(max(spot.read_bytes for spot in spots)))
    multiply = ceilings.matmul_rate(setup.dtype, setup.threads)
    if read is not None and multiply is not None:
        yield _figure(setup, spots, read, multiply, busy_remark(ceilings))


def _figure(setup: Setup, spots: Sequence[_Spot], read: Interval, multiply: Interval, remark: str) -> Figure:
    ridge = multiply.value / read.value
    intensities = [ridge, *(spot.intensity for spot in spots)]
    low, high = min(intensities) / 2, max(intensities) * 2
    roofs = [
        _roof("ceiling", read.value, multiply.value, low, high),
        _roof("interval of the ceiling", read.low, multiply.low, low, high, is_pale=True),
        _roof("interval of the ceiling", read.high, multiply.high, low, high, is_pale=True),
    ]
    rates = [point.y for roof in roofs for point in roof.points]
    rates += [end for spot in spots for end in (spot.rate, *(spot.ends or ()))]
    title = f"Roofline: {setup.dtype}, {setup.threads} threads, {setup.device}"
    return Figure(
        title,
        axes.logarithmic("operations per byte read [FLOP/B]", [low, high]),
        axes.logarithmic("operations [GFLOP/s], higher is better", rates),
        [*roofs, *_series(spots)],
        _table(title, spots),
        note=_note(read, multiply, remark),
    )


def _roof(name: str, read: float, multiply: float, low: float, high: float, *, is_pale: bool = False) -> Series:
    """Return the ceiling of a bandwidth and a rate between two intensities, with its bend if that lies between."""
    bend = min(max(multiply / read, low), high)
    points = tuple(Point(x, min(x * read, multiply) / _GIGA) for x in (low, bend, high))
    return Series(name, "neutral", Shape.CURVE, points, is_pale=is_pale)


def _note(read: Interval, multiply: Interval, remark: str) -> str:
    bends = (
        f"Left of the bend the ceiling is reading {_span(read)} GB/s at the model's working set, right of it "
        f"multiplying {_span(multiply)} GFLOP/s, both measured on this machine. A prefill reads the weights once."
    )
    return f"{bends} {remark}".rstrip()


def _series(spots: Sequence[_Spot]) -> Iterator[Series]:
    for phase, colour in dict.fromkeys((spot.phase, spot.colour) for spot in spots):
        points = tuple(
            Point(
                spot.intensity,
                spot.rate,
                y_ends=spot.ends,
                is_sure=spot.ends is not None,
                text=_text(spot),
                cases=(spot.case,),
            )
            for spot in spots
            if spot.phase == phase
        )
        yield Series(phase, colour, Shape.POINTS, points)


def _text(spot: _Spot) -> str:
    return f"{spot.phase}, {spot.name} · {_rate(spot)} GFLOP/s · {spot.intensity:.3g} FLOP/B"


def _rate(spot: _Spot) -> str:
    return f"{spot.rate:.3g}" + (f" [{spot.ends[0]:.3g}, {spot.ends[1]:.3g}]" if spot.ends else "")


def _span(of: Interval) -> str:
    return f"{of.value / _GIGA:.3g} [{of.low / _GIGA:.3g}, {of.high / _GIGA:.3g}]"


def _table(title: str, spots: Sequence[_Spot]) -> Table:
    columns = (Column("case"), Column("phase"), Column("FLOP/B", numeric=True), Column("GFLOP/s", numeric=True))
    rows = tuple(
        ((Cell(spot.name), Cell(spot.phase), Cell(f"{spot.intensity:.3g}"), Cell(_rate(spot))),) for spot in spots
    )
    return Table(title, columns, rows, tuple(spot.case for spot in spots))
