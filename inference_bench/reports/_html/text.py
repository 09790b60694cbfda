"""Cells as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from inference_bench.reports._pages.document import Cell, Remarks, Tone

_INTERVAL = re.compile(r"(?<= )\[[^\[\]]*\]$")
"""An interval at the end of a cell is not broken."""


def text_of(cell: Cell) -> str:
    """Return a cell's text in its tone."""
    text = _INTERVAL.sub(r'<span class="interval">\g<0></span>', escape(cell.text))
    return text if cell.tone is Tone.PLAIN else f'<span class="{cell.tone.value}">{text}</span>'


def paragraphs(cells: Iterable[Cell]) -> str:
    """Return one paragraph per cell."""
    return "".join(f"<p>{text_of(cell)}</p>" for cell in cells)


def listed(remarks: Remarks) -> str:
    """Return the sentences of remarks as a list."""
    return f"<ul>{''.join(f'<li>{text_of(cell)}</li>' for cell in remarks.lines)}</ul>"
