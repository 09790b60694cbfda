"""What the check of a dossier found, as a page and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._pages.document import Cell, Page, Remarks, Tone
from inference_bench.results.serialization import to_json
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.dossier.checking import DossierCheck
    from inference_bench.dossier.recomputation import Mismatch

VERSION = 1

_SHOWN = 50
"""Mismatches that are listed; the JSON has all of them."""

_LEGEND = (
    "The digests show damage, not who wrote the dossier: compare the SHA-256 of MANIFEST.json with the one that its "
    "author tells. Recomputed figures follow from the raw columns alone; that these were measured is the author's word."
)


def page(place: Path, found: DossierCheck) -> Page:
    """Return the page of a check.

    Args:
        place: of the dossier.
        found: the outcome.
    """
    wrong = len(found.mismatches)
    files = counted(found.files, "file")
    outcome = (
        Cell(f"{place}: {counted(wrong, 'figure')} of {found.matched + wrong:,} do not match", Tone.ALARM)
        if wrong
        else Cell(f"{place}: {files} unchanged, {counted(found.matched, 'figure')} recomputed, all match", Tone.GOOD)
    )
    rest = tuple(Cell(f"{count:,}: {name}") for name, count in found.unchecked.items())
    shown = [Cell(_line(each), Tone.ALARM) for each in found.mismatches[:_SHOWN]]
    more = [Cell(f"and {wrong - _SHOWN:,} more, which --format json lists")] if wrong > _SHOWN else []
    blocks = (Remarks("Do not match", (*shown, *more)), Remarks("Not recomputed, covered by digests only", rest))
    return Page(
        lines=(
            outcome,
            Cell(f"runs: {', '.join(found.runs)}", Tone.QUIET),
            Cell(f"SHA-256 of MANIFEST.json: {found.digest}", Tone.QUIET),
        ),
        blocks=(),
        remarks=tuple(block for block in blocks if block.lines),
        legend=_LEGEND,
    )


def _line(of: Mismatch) -> str:
    return f"{of.place}: {of.figure}: stored {_text(of.stored)}, recomputed {_text(of.recomputed)}"


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    text = f"{value!r}" if isinstance(value, (dict, list, str)) else f"{value}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def write_json(place: Path, found: DossierCheck, stream: TextIO) -> None:
    """Write the outcome as one document; docs/dossier.md describes it."""
    document = {
        "dossier_check_version": VERSION,
        "dossier": str(place),
        "matches": not found.mismatches,
        "runs": found.runs,
        "files": found.files,
        "sha256": found.digest,
        "tool": found.tool,
        "recomputed": found.matched + len(found.mismatches),
        "mismatches": found.mismatches,
        "not_recomputed": found.unchecked,
    }
    stream.write(to_json(document).decode())
