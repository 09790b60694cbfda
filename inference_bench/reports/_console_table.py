"""A table for a terminal of any width."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from inference_bench.reports._pages.document import Cell, Table, Tone

STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.WARNING: "yellow",
    Tone.ALARM: "bold red",
}

_GAP = 2

_NAMES = 20
"""Width that the first column of a split table keeps."""

_WHOLE = re.compile(r"(?:\[[^\]]*\]|\S)+")
"""What a line is not broken within: a word, or an interval."""

_Line = tuple[str, str]
"""A text and its style."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column.

    Attributes:
        heading: its lines.
        width: in cells of the terminal.
        numeric: whether it is aligned to the right.
    """

    heading: tuple[str, ...]
    width: int
    numeric: bool


def fitted(table: Table, console: Console) -> RenderableType:
    """Return the table so that it fits: without spare columns, with broken cells, or in parts.

    A table without repeated columns loses its spare ones, and their names stand below it; then cells are broken before
    intervals. One with repeated columns keeps every figure: cells are broken, and then the table is split by columns.
    """
    if table.repeated:
        return Group(*_titled(table), *_parts(table, console.width))
    spare = sorted((column.spare, place) for place, column in enumerate(table.columns) if column.spare)
    left_out: list[int] = []
    while not (fits := _total(list(_columns(table.without(left_out)))) <= console.width) and spare:
        left_out.append(spare.pop()[1])
    shown = table.without(left_out)
    rendered = Group(*_drawn(shown, list(_columns(shown)))) if fits else _broken(shown)
    names = ", ".join(table.columns[place].heading for place in sorted(left_out))
    below = [Text(f"hidden columns: {names} (--format markdown shows all)", style="dim")] if names else []
    return Group(*_titled(shown), rendered, *below)


def text_of(cell: Cell, interval_break: str = " [") -> Text:
    """Return a cell as plain text: a model named ``[red]`` is no markup."""
    lines = (Text(each.text.replace(" [", interval_break), style=STYLES[each.tone]) for each in (cell, *cell.below))
    return Text("\n").join(lines)


def _titled(table: Table) -> Iterator[RenderableType]:
    if table.title:
        yield Text(table.title, style="bold italic")
    if table.note:
        yield Text(table.note, style="dim")


def _parts(table: Table, width: int) -> Iterator[RenderableType]:
    """Yield a table with repeated columns, in as many parts as the width asks for."""
    for place, part in enumerate(table.parts(_groups(table, width))):
        if place:
            yield Text()
        columns = list(_shrunk(part, width))
        yield from _drawn(part, columns) if _total(columns) <= width else [_broken(part)]


def _groups(table: Table, width: int) -> list[list[int]]:
    """Return the columns of each part, so that no part needs more than the width; at least one column each."""
    narrow = [column.width for column in _narrow(table)]
    groups: list[list[int]] = [[]]
    for place in range(table.repeated, len(narrow)):
        shown = [*range(table.repeated), *groups[-1], place]
        if groups[-1] and sum(narrow[each] + _GAP for each in shown) - _GAP > width:
            groups.append([])
        groups[-1].append(place)
    return groups


def _shrunk(table: Table, width: int) -> Iterator[_Column]:
    """Yield the columns, the widest of them narrowed until they fit or no cell can be broken further."""
    widths = [column.width for column in _columns(table)]
    narrow = [column.width for column in _narrow(table)]
    while sum(widths) + _GAP * (len(widths) - 1) > width:
        able = [place for place in range(len(widths)) if widths[place] > narrow[place]]
        if not able:
            break
        widths[max(able, key=lambda place: widths[place])] -= 1
    for column, size in zip(table.columns, widths, strict=True):
        yield _Column(tuple(wrap(column.heading, size)), size, column.numeric)


def _narrow(table: Table) -> Iterator[_Column]:
    """Yield the columns with the widths that they have if each cell is broken wherever it can be."""
    for place, column in enumerate(table.columns):
        lines = {line.text for rows in table.sections for row in rows for line in (row[place], *row[place].below)}
        pieces = {piece for line in lines for piece in _WHOLE.findall(line)}
        words = re.findall(r"[^\s-]+-?|-", column.heading)
        width = max(map(cell_len, (*pieces, *words)), default=0)
        if place == 0:
            width = max(width, min(_NAMES, max(map(cell_len, lines), default=0)))
        yield _Column((), width, column.numeric)


def _drawn(table: Table, columns: Sequence[_Column]) -> Iterator[Text]:
    """Yield a table that fits, line by line: rich measures and wraps each cell, which takes seconds for 8,000 rows."""
    yield from _heading(columns)
    for place, rows in enumerate(rows for rows in table.sections if rows):
        if place:
            yield Text()
        for row in rows:
            cells = [list(_lines_of(cell, column.width)) for cell, column in zip(row, columns, strict=True)]
            for line in zip_longest(*cells, fillvalue=("", "")):
                yield _line(line, columns)


def _heading(columns: Sequence[_Column]) -> Iterator[Text]:
    height = max(len(column.heading) for column in columns)
    for line in range(height):
        words = [("", *column.heading)[max(0, line + 1 - height + len(column.heading))] for column in columns]
        yield _line([(word, "bold") for word in words], columns)
    yield _whole("─" * _total(columns))


def _lines_of(cell: Cell, width: int) -> Iterator[_Line]:
    """Yield the lines of a cell, broken between words and before intervals where they are wider than the column."""
    for each in (cell, *cell.below):
        if cell_len(each.text) <= width:
            yield each.text, STYLES[each.tone]
        else:
            yield from ((line, STYLES[each.tone]) for line in _wrapped(each.text, width))


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for piece in _WHOLE.findall(text):
        if line and cell_len(line) + 1 + cell_len(piece) > width:
            yield line
            line = piece
        else:
            line = f"{line} {piece}".lstrip()
    yield line


def _line(cells: Sequence[_Line], columns: Sequence[_Column]) -> Text:
    line = _whole("")
    for place, ((text, style), column) in enumerate(zip(cells, columns, strict=True)):
        blank = " " * (column.width - cell_len(text))
        line.append(" " * _GAP * bool(place) + blank * column.numeric).append(text, style)
        line.append(blank * (not column.numeric))
    return line


def _whole(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ignore")


def _total(columns: Sequence[_Column]) -> int:
    """Return the width of all columns and of the gaps between them."""
    return sum(column.width + _GAP for column in columns) - _GAP


def _columns(table: Table) -> Iterator[_Column]:
    """Yield the columns, each wide enough for all of its cells."""
    for place, column in enumerate(table.columns):
        cells = {line.text for rows in table.sections for row in rows for line in (row[place], *row[place].below)}
        heading = _lines(column.heading, max(map(len, cells), default=0))
        yield _Column(heading, max(map(cell_len, (*heading, *cells)), default=0), column.numeric)


def _lines(heading: str, widest: int) -> tuple[str, ...]:
    """Return a heading broken at spaces into lines no wider than the column's cells."""
    return tuple(wrap(heading, max(widest, *map(len, heading.split()), 1), break_long_words=False))


def _broken(table: Table) -> RichTable:
    """Return a table that is too wide with its cells broken, before intervals where that is enough."""
    rich = RichTable(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column, found in zip(table.columns, _columns(table), strict=True):
        rich.add_column("\n".join(found.heading), justify="right" if column.numeric else "left", overflow="fold")
    for rows in table.sections:
        for place, row in enumerate(rows):
            rich.add_row(*(text_of(cell, "\n[") for cell in row), end_section=place == len(rows) - 1)
    return rich
