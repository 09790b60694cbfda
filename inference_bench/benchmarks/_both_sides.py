"""What the joined requests of a load say, as a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.serving.stage_durations import RESIDUAL, TOTAL, stage_rows
from inference_bench.endpoint.join import durations_of
from inference_bench.units import counted, format_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.offered_load import ServedRequest

_LEAST = 0.005
"""Share of the time below which a note leaves a stage out; the residual always stands in it."""


def note_both_sides(measurement: Measurement, requests: Sequence[ServedRequest]) -> None:
    """Note where the time of requests went by both sides, and how well their clocks are joined; nothing if unknown."""
    found = [request.both_sides for request in requests if request.both_sides is not None]
    if not found:
        return
    rows = [row for row in stage_rows(durations_of(found)) if row.stage != TOTAL]
    shares = [f"{row.stage} {row.share:.1%}" for row in rows if row.share >= _LEAST or row.stage == RESIDUAL]
    uncertainty_ns = max(each.uncertainty_ns for each in found)
    clocks = f"their clocks are joined to ±{format_ns(uncertainty_ns)}" if uncertainty_ns else "both read one clock"
    measurement.notes.append(
        f"the time of {counted(len(found), 'request')} over client and server: {', '.join(shares)}; {clocks}"
    )
