"""One self-contained page for a review: tables that sort, drawings with their numbers, every doubt on record."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, TextIO

from inference_bench.plain import one_line
from inference_bench.report import Report
from inference_bench.reports import _findings
from inference_bench.reports._content import page
from inference_bench.reports._drawing import draw
from inference_bench.reports._environment import tables
from inference_bench.reports._page import Block, Cell, Page, Remarks, Table, Tone
from inference_bench.result import Status
from inference_bench.trust import grade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference_bench.reports._figure import Figure
    from inference_bench.run_folder import Run

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""The page may load nothing: whatever a name in it tries, no request leaves it."""


class HtmlReport(Report):
    """The content of the console's report, with drawings, as one HTML file."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report."""
        from inference_bench.reports._figures import figures

        title = one_line(f"Run {run.record.id}")
        lines = _lines(title, page(run), figures(run), _trust(run), tables(run.record))
        stream.writelines(f"{line}\n" for line in lines)


def write_page(content: Page, stream: TextIO, drawings: Iterable[Figure] = ()) -> None:
    """Write any page, such as a comparison."""
    title = content.lines[0].text
    stream.writelines(f"{line}\n" for line in _lines(title, content, drawings, None, ()))


def _trust(run: Run) -> Page:
    graded = [result for result in run.results if result.status is not Status.NOT_APPLICABLE]
    return _findings.page(replace(run, results=tuple(graded)), [grade(result, run.record) for result in graded])


def _lines(
    title: str, content: Page, drawings: Iterable[Figure], trust: Page | None, facts: Sequence[Table]
) -> Iterator[str]:
    folder = files("inference_bench.reports")
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{(folder / '_page.css').read_text()}</style></head><body>"
    # The first line begins with the title.
    lines = [Cell(content.lines[0].text.removeprefix(title).lstrip(" ·"), Tone.QUIET), *content.lines[1:]]
    yield f"<header><h1>{escape(title)}</h1>{_paragraphs(lines)}</header><main>"
    parts = [(_anchor(number), block) for number, block in enumerate(content.blocks)]
    yield '<nav aria-label="Parts"><ul>'
    yield from (f'<li><a href="#{anchor}">{escape(_short(block))}</a></li>' for anchor, block in parts)
    yield "</ul></nav>"
    if trust is not None:
        yield '<section id="trust"><h2>Can it be trusted?</h2>'
        yield _paragraphs(trust.lines)
        yield f"<details><summary>Grades and findings</summary>{''.join(_inside(trust))}</details></section>"
    for anchor, block in reversed(parts[-1:]) if _is_overview(content) else ():
        yield from _block(anchor, block)
    shown = [_figure(number, figure) for number, figure in enumerate(drawings)]
    if shown:
        yield f'<section id="drawings"><h2>Drawings</h2><div class="figures">{"".join(shown)}</div></section>'
    for anchor, block in parts[:-1] if _is_overview(content) else parts:
        yield from _block(anchor, block)
    for remarks in content.remarks:
        yield from _remarks(remarks)
    if facts:
        yield '<section id="environment"><h2>Environment and overheads</h2>'
        yield f"<details><summary>Every fact on record</summary>{''.join(map(_table, facts))}</details></section>"
    yield f"</main><footer><p>{escape(content.legend)}</p></footer>"
    yield f"<script>{(folder / '_page.js').read_text()}</script></body></html>"


def _short(block: Block) -> str:
    """Return a heading's first words: the model, without its set-up's every detail."""
    return " · ".join(word for word in block.heading.text.split(" · ")[:3] if "parameters" not in word)


def _anchor(number: int) -> str:
    return f"part-{number + 1}"


def _is_overview(content: Page) -> bool:
    return len(content.blocks) > 1 and content.blocks[-1].heading.text == "All together"


def _inside(content: Page) -> Iterator[str]:
    for block in content.blocks:
        yield from (_table(table) for table in block.tables)
    for remarks in content.remarks:
        yield from _remarks(remarks)
    yield f"<p>{escape(content.legend)}</p>"


def _block(anchor: str, block: Block) -> Iterator[str]:
    yield f'<section id="{anchor}"><h2>{_text(block.heading)}</h2>{_paragraphs(block.lines)}'
    yield from (_table(table) for table in block.tables)
    yield "</section>"


def _remarks(remarks: Remarks) -> Iterator[str]:
    items = "".join(f"<li>{_text(cell)}</li>" for cell in remarks.lines)
    yield f"<section><h3>{escape(remarks.heading)}</h3><ul>{items}</ul></section>"


def _paragraphs(cells: Iterable[Cell]) -> str:
    return "".join(f"<p>{_text(cell)}</p>" for cell in cells)


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col"{_number(column.numeric)}><button type="button">{escape(column.heading)}</button></th>'
        for column in table.columns
    )
    bodies = "".join(f"<tbody>{''.join(_rows(table, rows))}</tbody>" for rows in table.sections)
    title = escape(table.title)
    return (
        f'<div class="table" role="region" aria-label="{title}" tabindex="0"><table><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead>{bodies}</table></div>"
    )


def _rows(table: Table, rows: Iterable[tuple[Cell, ...]]) -> Iterator[str]:
    """Write rows; a leading blank, which stands for the cell above it, is filled in, for sorting parts the two."""
    above: tuple[Cell, ...] = ()
    for row in rows:
        blanks = 0
        while above and blanks < len(row) and not row[blanks].text:
            blanks += 1
        above = (*above[:blanks], *row[blanks:])
        cells = (
            _cell(cell, is_repeated=place < blanks, is_number=column.numeric)
            for place, (cell, column) in enumerate(zip(above, table.columns, strict=True))
        )
        yield f"<tr>{''.join(cells)}</tr>"


def _cell(cell: Cell, *, is_repeated: bool, is_number: bool) -> str:
    classes = " ".join(name for name, on in (("number", is_number), ("again", is_repeated)) if on)
    return f'<td class="{classes}">{_text(cell)}</td>' if classes else f"<td>{_text(cell)}</td>"


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _text(cell: Cell) -> str:
    text = escape(cell.text)
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
    """Make the drawing's ids its own: two drawings on one page may not share any."""
    for attribute in (' id="', '="#', "url(#"):
        svg = svg.replace(attribute, f"{attribute}{name}-")
    return svg
