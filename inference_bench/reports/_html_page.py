"""Pages as one self-contained HTML file: the verdict, charts with their numbers, sortable tables, and all findings."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._figures.of_run import figures
from inference_bench.reports._html.figures import descriptions
from inference_bench.reports._html.sections import Content, Section, sections, verdict_of
from inference_bench.reports._html.tables import Cases
from inference_bench.reports._html.text import paragraphs
from inference_bench.reports._pages import findings
from inference_bench.reports._pages.document import Cell, Page, Tone
from inference_bench.reports._pages.environment import tables
from inference_bench.reports._pages.run import page
from inference_bench.reports._pages.run_advice import advice_page
from inference_bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference_bench.reports._figures.figure import Figure
    from inference_bench.results.run import Run

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""The page loads nothing: no name in it can cause a request."""


def write_run(run: Run, stream: TextIO) -> None:
    """Write the report of a run."""
    title = one_line(f"Run {run.record.id}")
    about = findings.page(run), tables(run.record), advice_page(run)
    content = Content(title, page(run), "Cases", figures(run), *about)
    stream.writelines(f"{line}\n" for line in _lines(content))


def write_page(content: Page, stream: TextIO, charts: Iterable[Figure] = ()) -> None:
    """Write any page, such as a comparison."""
    whole = Content(content.lines[0].text, content, "All figures", tuple(charts))
    stream.writelines(f"{line}\n" for line in _lines(whole))


def _lines(content: Content) -> Iterator[str]:
    cases = Cases()
    title = escape(content.title)
    parts = list(sections(content, cases))
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{_file('document.css')}</style></head><body>"
    yield f"<header><h1>{title}</h1>{paragraphs(_about(content))}</header>"
    links = "".join(f'<li><a href="#{part.anchor}">{escape(part.heading)}</a></li>' for part in parts)
    yield f'<nav aria-label="Parts"><ul>{links}</ul></nav><main>'
    if content.page.verdict:
        yield verdict_of(content.page.verdict)
    yield from map(_section, parts)
    yield "</main>"
    yield from _scripts(content.charts, cases)
    yield "</body></html>"


def _about(content: Content) -> Sequence[Cell]:
    """Return the lines of the page without its title, which the first line starts with."""
    first, *others = content.page.lines
    rest = Cell(first.text.removeprefix(content.title).lstrip(" ·"), Tone.QUIET)
    return [*([rest] if rest.text else []), *others]


def _section(part: Section) -> str:
    return f'<section id="{part.anchor}"><h2>{escape(part.heading)}</h2>{part.content}</section>'


def _scripts(charts: Sequence[Figure], cases: Cases) -> Iterator[str]:
    """Yield the script of the tables, and for charts their description, the library and the script that uses it."""
    yield f"<script>{_file('document.js')}</script>"
    if charts:
        yield f'<script type="application/json" id="descriptions">{descriptions(charts, cases)}</script>'
        yield f"<script>{_file('plot', 'plot.min.js')}</script>"
        yield f"<script>{_file('charts.js')}</script>"


def _file(*names: str) -> str:
    return files("inference_bench.reports._html").joinpath(*names).read_text(encoding="utf-8")
