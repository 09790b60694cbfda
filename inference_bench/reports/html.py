"""A report as one self-contained page: sortable tables, charts with their numbers, and all findings."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, TextIO

from inference_bench.reports._figures.svg import draw
from inference_bench.reports._pages import findings
from inference_bench.reports._pages.document import Block, Cell, Column, Page, Remarks, Table, Tone
from inference_bench.reports._pages.environment import tables
from inference_bench.reports._pages.run import page
from inference_bench.reports._report import Report
from inference_bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference_bench.reports._figures.figure import Figure
    from inference_bench.results.run import Run

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""The page loads nothing: no name in it can cause a request."""

_INTERVAL = re.compile(r"(?<= )\[[^\[\]]*\]$")
"""An interval at the end of a cell is not broken."""

_LONG = 1000
"""Rows that a longer table shows at first: a browser takes a minute to lay out tens of thousands."""


class HtmlReport(Report):
    """The content of the console report, with charts, as one HTML file."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report."""
        from inference_bench.reports._figures.of_run import figures

        title = one_line(f"Run {run.record.id}")
        lines = _lines(title, page(run), figures(run), findings.page(run), tables(run.record))
        stream.writelines(f"{line}\n" for line in lines)


def write_page(content: Page, stream: TextIO, charts: Iterable[Figure] = ()) -> None:
    """Write any page, such as a comparison."""
    title = content.lines[0].text
    stream.writelines(f"{line}\n" for line in _lines(title, content, charts, None, ()))


def _lines(
    title: str, content: Page, charts: Iterable[Figure], trust: Page | None, facts: Sequence[Table]
) -> Iterator[str]:
    folder = files("inference_bench.reports._pages")
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{(folder / 'document.css').read_text()}</style></head><body>"
    # The first line starts with the title.
    rest = Cell(content.lines[0].text.removeprefix(title).lstrip(" ·"), Tone.QUIET)
    lines = [*([rest] if rest.text else []), *content.lines[1:]]
    verdict = _paragraphs(content.verdict.lines) if content.verdict else ""
    yield f"<header><h1>{escape(title)}</h1>{_paragraphs(lines)}{verdict}</header><main>"
    parts = list(_parts(title, content, charts, trust, facts))
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.name)}</a></li>' for part in parts)
    yield f'<nav aria-label="Parts"><ul>{links}</ul></nav>'
    for part in parts:
        yield f'<section id="{part.anchor}"><h2>{_text(part.heading)}</h2>'
        yield from part.lines
        yield "</section>"
    yield f"</main><footer><p>{escape(content.legend)}</p></footer>"
    yield f"<script>{(folder / 'document.js').read_text()}</script></body></html>"


class _Part(NamedTuple):
    """A section: the anchor and the name of links to it, its heading, and the HTML below the heading."""

    anchor: str
    name: str
    heading: Cell
    lines: Iterable[str]


def _parts(
    title: str, content: Page, charts: Iterable[Figure], trust: Page | None, facts: Sequence[Table]
) -> Iterator[_Part]:
    """Yield the sections in reading order: trust, summary, charts, tables, remarks, environment."""
    shown_blocks = (*content.blocks, *filter(None, [content.overview]))
    blocks = [
        _Part(f"part-{place}", name, block.heading, _block(block))
        for place, (name, block) in enumerate(zip(_short_names(shown_blocks), shown_blocks, strict=True), 1)
    ]
    if trust is not None:
        yield _titled("trust", "Trust and findings", _trusted(title, trust))
    if content.overview:
        yield blocks.pop()
    shown = "".join(_figure(number, figure) for number, figure in enumerate(charts))
    if shown:
        yield _titled("charts", "Charts", [f'<div class="figures">{shown}</div>'])
    yield from blocks
    for place, remarks in enumerate(content.remarks, 1):
        yield _titled(f"remarks-{place}", remarks.heading, [_list(remarks)])
    if facts:
        tables = "".join(map(_table, facts))
        details = f"<details><summary>Every fact on record</summary>{tables}</details>"
        yield _titled("environment", "Environment and overheads", [details])


def _titled(anchor: str, title: str, lines: Iterable[str]) -> _Part:
    return _Part(anchor, title, Cell(title), lines)


def _trusted(title: str, trust: Page) -> Iterator[str]:
    yield _paragraphs(replace(cell, text=cell.text.removeprefix(f"{title}: ")) for cell in trust.lines)
    yield "<details><summary>Grades and findings</summary>"
    yield from (_table(table) for block in trust.blocks for table in block.tables)
    yield from (f"<h3>{escape(remarks.heading)}</h3>{_list(remarks)}" for remarks in trust.remarks)
    yield f"<p>{escape(trust.legend)}</p></details>"


def _short_names(blocks: Sequence[Block]) -> list[str]:
    """Return the first word of each heading, and further words where headings share the first one."""
    headings = [block.heading.text.split(" · ") for block in blocks]
    alike: dict[str, set[str]] = {}
    for first, *others in headings:
        alike[first] = alike[first].intersection(others) if first in alike else set(others)
    return [" · ".join((first, *(word for word in others if word not in alike[first]))) for first, *others in headings]


def _block(block: Block) -> Iterator[str]:
    yield _paragraphs(block.lines)
    yield from (_table(table) for table in block.tables)
    yield _paragraphs(block.remarks)


def _list(remarks: Remarks) -> str:
    return f"<ul>{''.join(f'<li>{_text(cell)}</li>' for cell in remarks.lines)}</ul>"


def _paragraphs(cells: Iterable[Cell]) -> str:
    return "".join(f"<p>{_text(cell)}</p>" for cell in cells)


def _table(table: Table) -> str:
    heads = "".join(_heading(column, is_sortable=table.is_sortable) for column in table.columns)
    bodies = "".join(f"<tbody>{''.join(_rows(table, rows))}</tbody>" for rows in table.sections)
    title = escape(table.title or "Table")
    note = f"<small>{escape(table.note)}</small>" if table.note else ""
    caption = f"<caption>{escape(table.title)}{note}</caption>" if table.title or note else ""
    count = sum(map(len, table.sections))
    kind, more = ("long ", f'<button type="button">Show all {count:,} rows</button>') if count > _LONG else ("", "")
    kind += "pinned " * bool(table.repeated) + "stacked " * (not table.is_sortable)
    width = f' style="--figures: {len(table.columns) - 1}"' if not table.is_sortable else ""
    return (
        f'<div class="{kind}table" role="region" aria-label="{title}" tabindex="0"><table{width}>{caption}'
        f"<thead><tr>{heads}</tr></thead>{bodies}</table>{more}</div>"
    )


def _rows(table: Table, rows: Iterable[tuple[Cell, ...]]) -> Iterator[str]:
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
        yield f"<tr>{''.join(cells)}</tr>"


def _heading(column: Column, *, is_sortable: bool) -> str:
    text = escape(column.heading)
    text = f'<button type="button">{text}</button>' if is_sortable else text
    return f'<th scope="col"{_number(column.numeric)}>{text}</th>' if text else "<td></td>"


def _cell(cell: Cell, *, is_repeated: bool, is_number: bool, is_head: bool) -> str:
    classes = " ".join(name for name, on in (("number", is_number), ("again", is_repeated)) if on)
    tag, scope = ("th", ' scope="row"') if is_head else ("td", "")
    kind = f' class="{classes}"' if classes else ""
    below = "".join(f"<small>{_text(line)}</small>" for line in cell.below)
    return f"<{tag}{scope}{kind}>{_text(cell)}{below}</{tag}>"


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _text(cell: Cell) -> str:
    text = _INTERVAL.sub(r'<span class="interval">\g<0></span>', escape(cell.text))
    return text if cell.tone is Tone.PLAIN else f'<span class="{cell.tone.value}">{text}</span>'


def _figure(number: int, figure: Figure) -> str:
    title = escape(figure.title)
    name = f"figure-{number + 1}"
    note = f"<p>{escape(figure.note)}</p>" if figure.note else ""
    return (
        f'<figure aria-labelledby="{name}"><figcaption id="{name}">{title}</figcaption>'
        f'<div class="drawing" role="img" aria-label="{title}: the numbers are in the table below">'
        f"{_own_ids(draw(figure), name)}</div>{note}"
        f"<details><summary>The numbers</summary>{_table(figure.data)}</details></figure>"
    )


def _own_ids(svg: str, name: str) -> str:
    """Return the chart with a prefix to its ids: two charts on one page must not share ids."""
    for attribute in (' id="', '="#', "url(#"):
        svg = svg.replace(attribute, f"{attribute}{name}-")
    return svg
