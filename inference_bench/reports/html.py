"""One HTML file that needs nothing beside it: no request, no library; for a review, a phone, or paper."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TextIO

from inference_bench.report import Report
from inference_bench.reports._content import page
from inference_bench.reports._page import Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inference_bench.reports._page import Block, Cell, Column, Page, Remarks, Table
    from inference_bench.run_folder import Run

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #60646c; --paper: #fff; --line: #d9d9e0; --good: #18794e;
  --warning: #915930; --alarm: #c62a2f }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --quiet: #b0b4ba; --paper: #111113; --line: #43484e;
  --good: #3dd68c; --warning: #ffca16; --alarm: #ff9592 } }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper) }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere }
p, li { margin: .25rem 0; overflow-wrap: anywhere }
.table { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding-bottom: .25rem }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top }
th { border-bottom: 2px solid var(--line); color: var(--quiet); font-weight: 600 }
tbody + tbody tr:first-child td { border-top: 1px solid var(--line) }
.number { text-align: right; white-space: nowrap }
.strong { font-weight: 600 } .quiet { color: var(--quiet) } .good { color: var(--good) }
.warning { color: var(--warning) } .alarm { color: var(--alarm); font-weight: 600 }
@media print { body { max-width: none; padding: 0; font-size: 9pt } .table { overflow: visible } }
"""


class HtmlReport(Report):
    """The content of the console's report as one HTML file."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report."""
        write_html(page(run), stream, f"Run {run.record.id}")


def write_html(content: Page, stream: TextIO, title: str) -> None:
    """Write any page. Every text is escaped: a model may be called ``<script>``."""
    stream.writelines(f"{line}\n" for line in _lines(content, title))


def _lines(content: Page, title: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # An icon of no bytes: without it a browser that is given the file by a server asks for favicon.ico.
    yield f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>'
    yield f"<h1>{escape(title)}</h1>"
    yield from _paragraphs(content.lines)
    for block in content.blocks:
        yield from _block(block)
    for remarks in content.remarks:
        yield from _remarks(remarks)
    yield f'<p class="quiet">{escape(content.legend)}</p></main></body></html>'


def _paragraphs(cells: Iterable[Cell]) -> Iterator[str]:
    yield from (f"<p{_class(cell.tone)}>{escape(cell.text)}</p>" for cell in cells)


def _block(block: Block) -> Iterator[str]:
    yield f"<section><h2>{escape(block.heading.text)}</h2>"
    yield from _paragraphs(block.lines)
    for table in block.tables:
        yield from _table(table)
    yield "</section>"


def _table(table: Table) -> Iterator[str]:
    # Focusable and named, so that the keyboard can scroll what is wider than the screen.
    yield f'<div class="table" tabindex="0" role="region" aria-label="{escape(table.title)}">'
    yield f"<table><caption>{escape(table.title)}</caption><thead><tr>"
    yield from (f'<th scope="col"{_column(column)}>{escape(column.heading)}</th>' for column in table.columns)
    yield "</tr></thead>"
    for rows in table.sections:
        yield "<tbody>"
        yield from ("<tr>" + "".join(_cells(row, table.columns)) + "</tr>" for row in rows)
        yield "</tbody>"
    yield "</table></div>"


def _cells(row: Iterable[Cell], columns: Iterable[Column]) -> Iterator[str]:
    for cell, column in zip(row, columns, strict=True):
        yield f"<td{_class(cell.tone, numeric=column.numeric)}>{escape(cell.text)}</td>"


def _column(column: Column) -> str:
    return _class(Tone.PLAIN, numeric=column.numeric)


def _class(tone: Tone, *, numeric: bool = False) -> str:
    names = [*(["number"] if numeric else []), *([] if tone is Tone.PLAIN else [tone.value])]
    return f' class="{" ".join(names)}"' if names else ""


def _remarks(remarks: Remarks) -> Iterator[str]:
    yield f"<section><h3>{escape(remarks.heading)}</h3><ul>"
    yield from (f"<li{_class(line.tone)}>{escape(line.text)}</li>" for line in remarks.lines)
    yield "</ul></section>"
