"""The figures of calibrations: what of each node is held against the others. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from inference_bench.analysis.fleet_band import FleetBand, fleet_band
from inference_bench.calibration import Calibration
from inference_bench.ceilings import Ceilings
from inference_bench.units import counted

_GIGA = 1e9
_CPU = "cpu"
_FLOOR_OF, _QUANTILE = "e2e", "p50"
"""A whole generation of the null model: single intervals of it are a few steps of some clocks, which no band is for."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """One figure on all nodes.

    Attributes:
        figure: its name, such as ``read, 1 thread``.
        unit: as in ``metrics``.
        values: node → figure, where it is known.
        band: of the fleet; None with fewer than four nodes.
    """

    figure: str
    unit: str
    values: Mapping[str, float]
    band: FleetBand | None = None


@dataclass(frozen=True, slots=True)
class OutsideBand:
    """A figure by which a node is outside the fleet's band.

    Attributes:
        figure: its name.
        unit: as in ``metrics``.
        value: of the node.
        low: lower end of the band of the others.
        high: upper end.
        ratio: the value over the geometric mean of the nodes inside.
    """

    figure: str
    unit: str
    value: float
    low: float
    high: float
    ratio: float


@dataclass(frozen=True, slots=True)
class FactDifference:
    """A fact that is not the same on all nodes.

    Attributes:
        name: such as ``cpu.governor``.
        nodes: value → the nodes that have it, the commonest first; ``unknown`` for those that do not say.
    """

    name: str
    nodes: Mapping[str, tuple[str, ...]]


def calibration_rows(calibrations: Mapping[str, Calibration], dtypes: Collection[str]) -> list[CalibrationRow]:
    """Return the figures side by side, with the band of each.

    Args:
        calibrations: of each node.
        dtypes: number formats whose matrix products count.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for node, calibration in calibrations.items():
        for figure, unit, value in _figures(calibration, dtypes):
            if value > 0:
                found.setdefault((figure, unit), {})[node] = value
    return [
        CalibrationRow(figure, unit, values, fleet_band(values, len(found))) for (figure, unit), values in found.items()
    ]


def outside_bands(rows: Collection[CalibrationRow]) -> dict[str, tuple[OutsideBand, ...]]:
    """Return node → the figures by which it is outside, for those nodes that are."""
    found: dict[str, tuple[OutsideBand, ...]] = {}
    for row in rows:
        band = row.band
        for node in () if band is None else band.outside:
            assert band is not None
            value = row.values[node]
            outside = OutsideBand(row.figure, row.unit, value, band.low, band.high, value / band.middle)
            found[node] = (*found.get(node, ()), outside)
    return found


def fact_differences(calibrations: Mapping[str, Calibration]) -> list[FactDifference]:
    """Return the facts that are not the same on all nodes, by name."""
    names = sorted({name for calibration in calibrations.values() for name in calibration.facts})
    found = []
    for name in names:
        nodes: dict[str, tuple[str, ...]] = {}
        for node, calibration in calibrations.items():
            value = calibration.facts.get(name, "unknown")
            nodes[value] = (*nodes.get(value, ()), node)
        if len(nodes) > 1:
            found.append(FactDifference(name, dict(sorted(nodes.items(), key=lambda item: -len(item[1])))))
    return found


Figure = tuple[str, str, float]
"""Name, unit, value."""


def _figures(calibration: Calibration, dtypes: Collection[str]) -> Iterator[Figure]:
    for ceilings in calibration.ceilings:
        device = "" if ceilings.device == _CPU else f"{ceilings.device}: "
        for name, unit, value in _of_device(ceilings, dtypes):
            yield device + name, unit, value
    if (floor := calibration.floor.get(_FLOOR_OF, {}).get(_QUANTILE)) is not None:
        yield "harness floor", "ns", floor
    if (cost := calibration.clock.get("read_cost_ns")) is not None:
        yield "reading of the clock", "ns", float(cost)


def _of_device(ceilings: Ceilings, dtypes: Collection[str]) -> Iterator[Figure]:
    counts = {each.threads for each in ceilings.matmul}
    for threads, words in _thread_words(counts).items():
        sizes = [each.working_set_bytes for each in ceilings.read if each.threads == threads]
        if sizes and (read := ceilings.read_bandwidth(threads, max(sizes))) is not None:
            yield f"read, {words}", "GB/s", read.value / _GIGA
        for dtype in dtypes:
            if (rate := ceilings.matmul_rate(dtype, threads)) is not None:
                yield f"{dtype}, {words}", "GFLOP/s", rate.value / _GIGA
    yield "smallest operation", "ns", ceilings.operation_ns.value
    if ceilings.launch_ns is not None:
        yield "launch of a kernel", "ns", ceilings.launch_ns.value
    if ceilings.copy_bytes_per_s is not None:
        yield "copy", "GB/s", ceilings.copy_bytes_per_s.value / _GIGA


def _thread_words(counts: Collection[int]) -> dict[int, str]:
    """Return the fewest and the most threads, in words that nodes of different size share."""
    fewest, most = min(counts, default=1), max(counts, default=1)
    return {fewest: counted(fewest, "thread")} | ({most: "all threads"} if most > fewest else {})
