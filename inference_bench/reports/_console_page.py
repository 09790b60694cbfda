"""Pages for a terminal of any width."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from inference_bench.reports._console_table import fitted, text_of
from inference_bench.reports._pages.document import Block, Page, Remarks

if TYPE_CHECKING:
    from collections.abc import Iterator


_PIPE_WIDTH = 120
"""Columns without a terminal: rich would assume 80 and hide columns of a log that has room."""


def print_page(content: Page, stream: TextIO) -> None:
    """Write any page."""
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    console = Console(file=stream, width=width, highlight=False)
    with console.capture() as capture:
        for part in parts_of(content, console):
            console.print(part)
    encoding = stream.encoding or "utf-8"
    text = re.sub(" +$", "", capture.get(), flags=re.MULTILINE)
    stream.write(text.encode(encoding, "replace").decode(encoding))  # a Latin-1 terminal has no ✓


def parts_of(content: Page, console: Console) -> Iterator[RenderableType]:
    """Yield the parts of a page, from top to bottom, as wide as the console."""
    for line in (*content.lines, *(content.verdict.lines if content.verdict else ())):
        yield text_of(line)
    for block in (*content.blocks, *filter(None, [content.overview])):
        yield from _block(block, console)
    for remarks in content.remarks:
        yield from _remarks(remarks)
    if content.legend:
        yield from ("", Text(content.legend, style="dim"))


def _block(block: Block, console: Console) -> Iterator[RenderableType]:
    yield from ("", text_of(block.heading))
    yield from map(text_of, block.lines)
    for table in block.tables:
        yield from ("", fitted(table.brief or table, console))
        yield from map(text_of, table.below)
    yield from map(text_of, block.remarks)


def _remarks(remarks: Remarks) -> Iterator[RenderableType]:
    yield from ("", Text(remarks.heading, style="bold"))
    for line in remarks.lines:
        text = Text("• ")
        text.append_text(text_of(line))
        yield Padding(text, (0, 0, 0, 1))
