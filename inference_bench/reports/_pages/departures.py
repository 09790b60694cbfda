"""Figures of a sweep that the general speed of their node does not explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.node_effects import departures
from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._pages.document import Cell, Remarks, Tone
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference_bench.reports._pages.case_names import Places
    from inference_bench.results.sweep_figures import SweepRow

_SHOWN = 8
"""Figures that are named one by one."""


def departing(rows: Sequence[SweepRow], relative: Mapping[str, float], places: Places) -> list[Remarks]:
    """Return the times and sizes outside the band of the other nodes, the speed of each node taken out of its times.

    Args:
        rows: the figures.
        relative: node → its time over the median of all.
        places: names the cases.
    """
    lines = list(_lines(rows, relative, places))
    more = [Cell(f"and {counted(len(lines) - _SHOWN, 'more figure')}")] if len(lines) > _SHOWN else []
    heading = "Departs from the other nodes by more than its own speed"
    return [Remarks(heading, (*lines[:_SHOWN], *more))] if lines else []


def _lines(rows: Sequence[SweepRow], relative: Mapping[str, float], places: Places) -> Iterator[Cell]:
    for row in rows:
        speeds = {"ns": relative, "bytes": dict.fromkeys(row.values, 1.0)}.get(unit_of(row.metric) or "", {})
        for node, by in departures(row.values, speeds).items():
            where = ", ".join(filter(None, (places.name(row.case), title_of(row.metric), row.phase)))
            yield Cell(f"{node}: {where}: {100 * by:+.3g} %", Tone.WARNING)
