"""A table for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
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


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is wide enough for all of its cells.

    Attributes:
        heading: its lines.
        width: in cells of the terminal.
        numeric: whether it is aligned to the right.
    """

    heading: tuple[str, ...]
    width: int
    numeric: bool


def fitted(table: Table, console: Console) -> RenderableType:
    """Return the table without spare columns until it fits, and their names; then break cells before intervals."""
    spare = sorted((column.spare, place) for place, column in enumerate(table.columns) if column.spare)
    left_out: list[int] = []
    while not (fits := _width(shown := table.without(left_out)) <= console.width) and spare:
        left_out.append(spare.pop()[1])
    rendered = _drawn(shown) if fits else _broken(shown)
    if not left_out:
        return rendered
    names = ", ".join(table.columns[place].heading for place in sorted(left_out))
    return Group(rendered, Text(f"hidden columns: {names} (--format markdown shows all)", style="dim"))


def text_of(cell: Cell, interval_break: str = " [") -> Text:
    """Return a cell as plain text: a model named ``[red]`` is no markup."""
    return Text(cell.text.replace(" [", interval_break), style=STYLES[cell.tone])


def _drawn(table: Table) -> RenderableType:
    """Return a table that fits, line by line: rich measures and wraps each cell, which takes seconds for 8,000 rows."""
    columns = list(_columns(table))
    title = [Constrain(Text(table.title, style="bold italic"), _width(table))] if table.title else []
    return Group(*title, *_heading(columns), *_body(table, columns))


def _heading(columns: Sequence[_Column]) -> Iterator[Text]:
    height = max(len(column.heading) for column in columns)
    for line in range(height):
        words = [("", *column.heading)[max(0, line + 1 - height + len(column.heading))] for column in columns]
        yield _line([(word, "bold") for word in words], columns)
    yield _whole("─" * _total(columns))


def _body(table: Table, columns: Sequence[_Column]) -> Iterator[Text]:
    for place, rows in enumerate(rows for rows in table.sections if rows):
        if place:
            yield Text()
        for row in rows:
            yield _line([(cell.text, STYLES[cell.tone]) for cell in row], columns)


def _line(cells: Sequence[tuple[str, str]], columns: Sequence[_Column]) -> Text:
    line = _whole("")
    for place, ((text, style), column) in enumerate(zip(cells, columns, strict=True)):
        blank = " " * (column.width - cell_len(text))
        line.append(" " * _GAP * bool(place) + blank * column.numeric).append(text, style)
        line.append(blank * (not column.numeric))
    return line


def _whole(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ignore")


def _width(table: Table) -> int:
    """Return the width of the table if no cell is broken."""
    return _total(list(_columns(table)))


def _total(columns: Sequence[_Column]) -> int:
    """Return the width of all columns; rich has a space after each, the last one too, and one between two."""
    return sum(column.width + _GAP for column in columns) - 1


def _columns(table: Table) -> Iterator[_Column]:
    for place, column in enumerate(table.columns):
        cells = {row[place].text for rows in table.sections for row in rows}
        heading = _lines(column.heading, max(map(len, cells), default=0))
        yield _Column(heading, max(map(cell_len, (*heading, *cells))), column.numeric)


def _lines(heading: str, widest: int) -> tuple[str, ...]:
    """Return a heading broken at spaces into lines no wider than the column's cells."""
    return tuple(wrap(heading, max(widest, *map(len, heading.split())), break_long_words=False))


def _broken(table: Table) -> RichTable:
    """Return a table that is too wide with its cells broken, before intervals where that is enough."""
    rich = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column, found in zip(table.columns, _columns(table), strict=True):
        rich.add_column("\n".join(found.heading), justify="right" if column.numeric else "left", overflow="fold")
    for rows in table.sections:
        for place, row in enumerate(rows):
            rich.add_row(*(text_of(cell, "\n[") for cell in row), end_section=place == len(rows) - 1)
    return rich
