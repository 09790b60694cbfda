"""A report for a terminal of any width."""

from __future__ import annotations

import os
import re
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from inference_bench.reports._pages.document import Block, Cell, Page, Remarks, Table, Tone
from inference_bench.reports._pages.run import page
from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run

_STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.WARNING: "yellow",
    Tone.ALARM: "bold red",
}

_PIPE_WIDTH = 120
"""Columns without a terminal: rich would assume 80 and hide columns of a log that has room."""


class ConsoleReport(Report):
    """Tables for a terminal; a narrow one hides the least important columns, and the table names them."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report, with colours if the stream is a terminal."""
        print_page(page(run), stream)


def print_page(content: Page, stream: TextIO) -> None:
    """Write any page."""
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    console = Console(file=stream, width=width, highlight=False)
    with console.capture() as capture:
        for line in content.lines:
            console.print(_text(line))
        for block in content.blocks:
            _print_block(block, console)
        for remarks in content.remarks:
            _print_remarks(remarks, console)
        if content.legend:
            console.print()
            console.print(Text(content.legend, style="dim"))
    encoding = stream.encoding or "utf-8"
    text = re.sub(" +$", "", capture.get(), flags=re.MULTILINE)
    stream.write(text.encode(encoding, "replace").decode(encoding))  # a Latin-1 terminal has no ✓


def _text(cell: Cell, interval_break: str = " [") -> Text:
    """Return a cell as plain text: a model named ``[red]`` is no markup."""
    return Text(cell.text.replace(" [", interval_break), style=_STYLES[cell.tone])


def _print_block(block: Block, console: Console) -> None:
    console.print()
    console.print(_text(block.heading))
    for line in block.lines:
        console.print(_text(line))
    for table in block.tables:
        console.print()
        console.print(_fitted(table, console))


def _fitted(table: Table, console: Console) -> RenderableType:
    """Return the table without spare columns until it fits, and their names; then break cells before intervals."""
    spare = sorted((column.spare, place) for place, column in enumerate(table.columns) if column.spare)
    left_out: list[int] = []
    while not _fits(rendered := _rich(table.without(left_out)), console) and spare:
        left_out.append(spare.pop()[1])
    if not _fits(rendered, console):
        rendered = _rich(table.without(left_out), interval_break="\n[")
    if not left_out:
        return rendered
    names = ", ".join(table.columns[place].heading for place in sorted(left_out))
    return Group(rendered, Text(f"hidden columns: {names} (--format markdown shows all)", style="dim"))


def _fits(table: RichTable, console: Console) -> bool:
    unbounded = console.options.update(max_width=10_000)
    return console.measure(table, options=unbounded).maximum <= console.width


def _rich(table: Table, interval_break: str = " [") -> RichTable:
    rich = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, column in enumerate(table.columns):
        widest = max((len(row[place].text) for rows in table.sections for row in rows), default=0)
        rich.add_column(_broken(column.heading, widest), justify="right" if column.numeric else "left", overflow="fold")
    for rows in table.sections:
        for place, row in enumerate(rows):
            cells = (_text(cell, interval_break) for cell in row)
            rich.add_row(*cells, end_section=place == len(rows) - 1)
    return rich


def _broken(heading: str, widest: int) -> str:
    """Return a heading broken at spaces into lines no wider than the column's cells."""
    return "\n".join(wrap(heading, max(widest, *map(len, heading.split())), break_long_words=False))


def _print_remarks(remarks: Remarks, console: Console) -> None:
    console.print()
    console.print(Text(remarks.heading, style="bold"))
    for line in remarks.lines:
        text = Text("• ")
        text.append_text(_text(line))
        console.print(Padding(text, (0, 0, 0, 1)))
