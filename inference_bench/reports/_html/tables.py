"""Tables as HTML: sortable, and with the number of the case in each row, so that a chart can select it."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import accumulate, repeat

from inference_bench.reports._html.text import paragraphs, text_of
from inference_bench.reports._pages.document import Cell, Column, Table

_LONG = 1000
"""Rows that a longer table has at first; the others are packed until they are asked for.

A browser takes seconds to build tens of thousands of rows, and the rows of ten thousand cases are 24 MB.
"""


class Cases:
    """Numbers that stand for the ids of cases on one page."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, case_id: str) -> int:
        """Return the number of a case."""
        return self._numbers.setdefault(case_id, len(self._numbers))


def table_of(table: Table, cases: Cases, *, is_titled: bool = True) -> str:
    """Return a table.

    Args:
        table: what to write.
        cases: the numbers of the page's cases.
        is_titled: whether its title is to be seen, and not only to be read aloud.
    """
    heads = "".join(_heading(column, is_sortable=table.is_sortable) for column in table.columns)
    bodies = [
        f"<tbody>{''.join(_rows(table, rows, f' data-case={_quoted(cases.number(case))}' if case else ''))}</tbody>"
        for rows, case in zip(table.sections, table.cases or repeat(""), strict=False)
    ]
    shown = _shown(table)
    kind = "long " * (shown < len(bodies)) + "pinned " * bool(table.repeated) + "stacked " * (not table.is_sortable)
    width = f' style="--figures: {len(table.columns) - 1}"' if not table.is_sortable else ""
    return (
        f'<div class="{kind}table" role="group" aria-label="{escape(table.title or "Table")}" tabindex="0">'
        f"<table{width}>{_caption(table, is_titled=is_titled)}<thead><tr>{heads}</tr></thead>"
        f"{''.join(bodies[:shown])}</table>{_rest(table, bodies[shown:])}</div>{paragraphs(table.below)}"
    )


def _shown(table: Table) -> int:
    """Return how many sections a table has at first: whole ones with as many rows as are allowed, at least one."""
    rows = accumulate(map(len, table.sections))
    return max(1, sum(count <= _LONG for count in rows))


def _rest(table: Table, bodies: Sequence[str]) -> str:
    """Return the other rows, packed, with the button that shows them, and a sentence for readers without scripts."""
    if not bodies:
        return ""
    count = sum(map(len, table.sections))
    packed = b64encode(gzip.compress("".join(bodies).encode(), mtime=0)).decode()
    return (
        f'<script type="text/plain" class="rest">{packed}</script>'
        f'<button type="button">Show all {count:,} rows</button>'
        f'<p class="unscripted">{count:,} rows in all: the files of the run have the others.</p>'
    )


def _caption(table: Table, *, is_titled: bool) -> str:
    title, note = escape(table.title), f"<small>{escape(table.note)}</small>" if table.note else ""
    if not is_titled and title:
        title = f'<span class="unseen">{title}</span>'
    return f"<caption>{title}{note}</caption>" if title or note else ""


def _heading(column: Column, *, is_sortable: bool) -> str:
    text = escape(column.heading)
    text = f'<button type="button">{text}</button>' if is_sortable else text
    return f'<th scope="col"{_number(column.numeric)}>{text}</th>' if column.heading else "<td></td>"


def _quoted(number: int) -> str:
    return f'"{number}"'


def _rows(table: Table, rows: Iterable[tuple[Cell, ...]], case: str) -> Iterator[str]:
    """Yield rows; a leading blank repeats the cell above it, because sorting would separate the two."""
    above: tuple[Cell, ...] = ()
    for row in rows:
        blanks = 0
        while above and blanks < len(row) and not row[blanks].text:
            blanks += 1
        above = (*above[:blanks], *row[blanks:])
        cells = (
            _cell(cell, is_repeated=place < blanks, is_number=column.numeric, is_head=place == 0 and table.repeated > 0)
            for place, (cell, column) in enumerate(zip(above, table.columns, strict=True))
        )
        yield f"<tr{case}>{''.join(cells)}</tr>"


def _cell(cell: Cell, *, is_repeated: bool, is_number: bool, is_head: bool) -> str:
    classes = " ".join(name for name, on in (("number", is_number), ("again", is_repeated)) if on)
    tag, scope = ("th", ' scope="row"') if is_head else ("td", "")
    kind = f' class="{classes}"' if classes else ""
    below = "".join(f"<small>{text_of(line)}</small>" for line in cell.below)
    return f"<{tag}{scope}{kind}>{text_of(cell)}{below}</{tag}>"


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""
