"""Pages as GitHub Markdown, for an issue or a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._pages.document import Block, Cell, Page, Remarks, Table, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_LOUD = (Tone.STRONG, Tone.ALARM)

_ACTIVE = re.compile(r"[\\`*~|$]|(?<![^\W_])_|_(?![^\W_])|^[#+-]|\](?=[(\[:])")
"""What Markdown would interpret; underscores within a word and lone brackets are harmless and frequent."""

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_page(content: Page, stream: TextIO) -> None:
    """Write any page."""
    stream.writelines(f"{line}\n" for line in _lines(content))


def _lines(content: Page) -> Iterator[str]:
    yield from _paragraph((*content.lines, *(content.verdict.lines if content.verdict else ())))
    for block in (*content.blocks, *filter(None, [content.overview])):
        yield from block_lines(block)
    for remarks in content.remarks:
        yield from _remarks(remarks)
    if content.legend:
        yield from ("", escaped(content.legend))


def _paragraph(cells: Iterable[Cell]) -> Iterator[str]:
    for cell in cells:
        yield _text(cell) + "  "  # two spaces: a line break within the paragraph


def block_lines(block: Block) -> Iterator[str]:
    """Yield the lines of a part of a page."""
    yield from ("", f"## {escaped(block.heading.text)}", "")
    yield from _paragraph(block.lines)
    for table in block.tables:
        yield from ("", f"### {escaped(table.title)}", "") if table.title else ("",)
        yield from (escaped(table.note), "") if table.note else ()
        yield from _table(table)
        if table.below:
            yield ""
            yield from _paragraph(table.below)
    if block.remarks:
        yield ""
        yield from _paragraph(block.remarks)


def _table(table: Table) -> Iterator[str]:
    yield _row(escaped(column.heading) for column in table.columns)
    yield _row("---:" if column.numeric else ":---" for column in table.columns)
    for rows in table.sections:
        yield from (_row("<br>".join(map(_text, (cell, *cell.below))) for cell in row) for row in rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _remarks(remarks: Remarks) -> Iterator[str]:
    yield from ("", f"### {escaped(remarks.heading)}", "")
    yield from (f"- {_text(cell)}" for cell in remarks.lines)


def _text(cell: Cell) -> str:
    text = escaped(cell.text)
    return f"**{text}**" if text and cell.tone in _LOUD else text


def escaped(text: str) -> str:
    """Return a text with everything escaped that Markdown or HTML would interpret."""
    return _ACTIVE.sub(lambda found: "\\" + found.group(), text).translate(_HTML)
