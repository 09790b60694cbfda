"""The calibration of a sweep's nodes, side by side: figures with the band of the fleet, and facts that differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from inference_bench.analysis.calibration_figures import CalibrationRow, calibration_rows, fact_differences
from inference_bench.analysis.calibration_words import difference_words, no_band_words, outside_words
from inference_bench.analysis.fleet_band import LEAST_FOR_BAND
from inference_bench.analysis.machine_load import is_doubtful
from inference_bench.metrics import title_of
from inference_bench.reports._pages.document import NO_FIGURE, Block, Cell, Column, Table, Tone
from inference_bench.results.sweep_file import NodeStatus
from inference_bench.units import format_ns, format_value

if TYPE_CHECKING:
    from inference_bench.calibration import Calibration, StoredFloor
    from inference_bench.results.sweep_file import NodeRecord, SweepRecord

Slot = tuple[str, str, str]
"""Benchmark, metric and phase."""
Row = tuple[Cell, ...]


def calibration_blocks(record: SweepRecord, slots: Collection[Slot]) -> Iterator[Block]:
    """Yield a block if the nodes were calibrated.

    Args:
        record: of the sweep.
        slots: what was measured: A/A floors of other metrics are not shown.
    """
    plan, found = record.calibration, record.calibrations
    if plan is None or not record.nodes:
        return
    rows = calibration_rows(found, plan.dtypes)
    columns = (Column("figure"), *(Column(node, numeric=True) for node in found), Column("band", numeric=True))
    sections = (tuple(_figures(rows, list(found))), tuple(_conditions(found, slots)))
    table = Table("", columns, sections, repeated=1, is_sortable=False)
    yield Block(Cell("Calibration", Tone.STRONG), (), (table,) if found else (), tuple(_remarks(record)))


def _figures(rows: Sequence[CalibrationRow], nodes: Sequence[str]) -> Iterator[Row]:
    for row in rows:
        outside = row.band.outside if row.band is not None else ()
        yield Cell(row.figure), *(_figure(row, node, node in outside) for node in nodes), _band(row)


def _figure(row: CalibrationRow, node: str, is_outside: bool) -> Cell:
    value = row.values.get(node)
    tone = Tone.WARNING if is_outside else Tone.PLAIN
    return NO_FIGURE if value is None else Cell(format_value(value, row.unit), tone)


def _band(row: CalibrationRow) -> Cell:
    if row.band is None:
        return NO_FIGURE
    return Cell(f"[{format_value(row.band.low, row.unit)}, {format_value(row.band.high, row.unit)}]")


def _conditions(found: Mapping[str, Calibration], slots: Collection[Slot]) -> Iterator[Row]:
    """Yield what the figures were measured under, and the A/A floors that nodes have stored."""

    def row(title: str, text: Callable[[Calibration], str | None]) -> Row:
        texts = [text(calibration) for calibration in found.values()]
        return Cell(title), *(NO_FIGURE if each is None else Cell(each) for each in texts), NO_FIGURE

    yield row("clock", _clock)
    yield row("CPUs used by others", _others)
    yield row("ceilings measured", _ceilings_date)
    for slot in sorted({_slot(each) for of in found.values() for each in of.aa_floors} & set(slots)):
        yield row(_floor_title(slot), lambda of, slot=slot: _floor(of, slot))  # type: ignore[misc]


def _clock(of: Calibration) -> str | None:
    source, resolution_ns = of.clock.get("source"), of.clock.get("resolution_ns")
    return None if source is None or resolution_ns is None else f"{source}, {format_ns(resolution_ns)}"


def _others(of: Calibration) -> str | None:
    return None if of.load is None or of.load.others_cpus is None else f"{of.load.others_cpus:.2f}"


def _ceilings_date(of: Calibration) -> str | None:
    if not of.ceilings:
        return None
    oldest = min(each.measured_utc for each in of.ceilings)[:10]
    return f"{oldest}, machine busy" if any(map(is_doubtful, of.ceilings)) else oldest


def _slot(floor: StoredFloor) -> Slot:
    return floor.benchmark, floor.metric, floor.phase


def _floor_title(slot: Slot) -> str:
    _, metric, phase = slot
    return f"A/A floor, {title_of(metric)}{f', {phase}' if phase else ''}"


def _floor(of: Calibration, slot: Slot) -> str | None:
    return next((f"±{each.floor:.1%}" for each in of.aa_floors if _slot(each) == slot), None)


def _remarks(record: SweepRecord) -> Iterator[Cell]:
    for of in record.nodes:
        yield from _of_node(of)
    if 0 < len(record.calibrations) < LEAST_FOR_BAND:
        yield Cell(f"{no_band_words(len(record.calibrations))}.")
    for difference in fact_differences(record.calibrations):
        yield Cell(f"{difference_words(difference)}.", Tone.WARNING)


def _of_node(of: NodeRecord) -> Iterator[Cell]:
    if of.cause:
        what = "lost before its first share" if of.status is NodeStatus.LOST else "not calibrated"
        yield Cell(f"{of.node} is {what}: {of.cause}", Tone.WARNING)
    left_out = "; it is left out" if of.status is NodeStatus.LEFT_OUT else ""
    for outside in of.outside:
        yield Cell(f"{of.node} is outside the band: {outside_words(outside)}{left_out}.", Tone.WARNING)
    for problem in of.calibration.problems if of.calibration is not None else ():
        yield Cell(f"{of.node}: {problem}", Tone.WARNING)
