"""The advice in the folder of a run, for its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import RunFormatError
from inference_bench.reports._pages import advice
from inference_bench.reports._pages.document import Cell, Page, Tone
from inference_bench.results.advice_file import read_advice

if TYPE_CHECKING:
    from inference_bench.results.advice_file import StoredAdvice
    from inference_bench.results.run import Run

_NONE = (
    "No advice is on record, nor the ceilings that a roofline chart needs: `python -m inference_bench advise {run}` "
    "measures the machine's ceilings, says what limits each case and what would help, and draws the chart here."
)


def stored_advice(run: Run) -> StoredAdvice | None:
    """Return the advice in the folder of a run; None without one, or if it cannot be read."""
    try:
        return read_advice(run.folder) if isinstance(run.folder, Path) else None
    except RunFormatError:
        return None


def advice_page(run: Run) -> Page | None:
    """Return the advice as a page, or what would give it; None where no model's demands are known."""
    try:
        stored = read_advice(run.folder) if isinstance(run.folder, Path) else None
    except RunFormatError as error:
        return Page((Cell(str(error), Tone.WARNING),), (), (), "")
    if stored is not None:
        page = advice.page(stored)
        return replace(page, lines=page.lines[1:])
    if not any("demands" in result.model for result in run.results):
        return None
    return Page((Cell(_NONE.format(run=run.record.id), Tone.QUIET),), (), (), "")
