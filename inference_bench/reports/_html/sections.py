"""The sections of a page in their order: verdict, side by side, charts, cases, trust and findings, environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from inference_bench.reports._figures.figure import Figure
from inference_bench.reports._html.figures import figures_of
from inference_bench.reports._html.tables import Cases, table_of
from inference_bench.reports._html.text import listed, paragraphs, text_of
from inference_bench.reports._pages.document import Block, Page, Remarks, Table, Tile, Verdict

_FEW_ROWS = 100
"""Rows up to which all tables are open."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: its anchor, its heading, and the HTML below the heading."""

    anchor: str
    heading: str
    content: str


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a page shows.

    Attributes:
        title: of the page.
        page: lines, verdict, tables and remarks.
        tables: heading of the section of the page's tables.
        charts: of the page.
        trust: grades and findings, or None.
        facts: tables of the environment.
        advice: what limits each case and what would help, or None.
    """

    title: str
    page: Page
    tables: str
    charts: Sequence[Figure] = ()
    trust: Page | None = None
    facts: Sequence[Table] = ()
    advice: Page | None = None


def sections(content: Content, cases: Cases) -> Iterator[Section]:
    """Yield the sections after the verdict."""
    page = content.page
    if page.overview:
        yield Section("overview", page.overview.heading.text, _block(page.overview, cases))
    if content.charts:
        yield Section("charts", "Charts", f'<div class="figures">{figures_of(content.charts, cases)}</div>')
    if page.blocks:
        legend = f'<p class="quiet">{escape(page.legend)}</p>' if page.legend else ""
        yield Section("cases", content.tables, "".join(_blocks(page.blocks, cases)) + legend)
    if content.advice:
        yield Section("advice", "Advice", "".join(_advice(content.advice, cases)))
    if content.trust or page.remarks:
        yield Section("trust", "Trust and findings", "".join(_trust(content, cases)))
    if content.facts:
        tables = "".join(table_of(table, cases) for table in content.facts)
        details = f"<details><summary>Every fact on record</summary>{tables}</details>"
        yield Section("environment", "Environment and overheads", details)


def verdict_of(verdict: Verdict) -> str:
    """Return the answer of a page as its first section."""
    tiles = "".join(map(_tile, verdict.tiles))
    tiles = f'<ul class="tiles">{tiles}</ul>' if tiles else ""
    return f'<section id="verdict" aria-label="Verdict">{paragraphs(verdict.lines)}{tiles}</section>'


def _tile(tile: Tile) -> str:
    details = "".join(f"<small>{text_of(cell)}</small>" for cell in tile.details)
    return f"<li><small>{escape(tile.label)}</small><b>{text_of(tile.figure)}</b>{details}</li>"


def _block(block: Block, cases: Cases) -> str:
    tables = "".join(table_of(table, cases) for table in block.tables)
    return paragraphs(block.lines) + tables + paragraphs(block.remarks)


def _blocks(blocks: Sequence[Block], cases: Cases) -> Iterator[str]:
    """Yield each block with its tables, which are closed where they would make a very long page."""
    counts = [sum(map(len, table.sections)) for block in blocks for table in block.tables]
    is_open = " open" if sum(counts) <= _FEW_ROWS or len(counts) == 1 else ""
    for block in blocks:
        yield f'<div class="block"><h3>{text_of(block.heading)}</h3>{paragraphs(block.lines)}'
        for table in block.tables:
            written = table_of(table, cases, is_titled=False)
            yield f"<details{is_open}><summary>{escape(table.title)}</summary>{written}</details>"
        yield f"{paragraphs(block.remarks)}</div>"


def _advice(advice: Page, cases: Cases) -> Iterator[str]:
    yield paragraphs(advice.lines)
    yield from _blocks(advice.blocks, cases)
    yield from (f"<h3>{escape(remarks.heading)}</h3>{listed(remarks)}" for remarks in advice.remarks)
    if advice.legend:
        yield f'<p class="quiet">{escape(advice.legend)}</p>'


def _trust(content: Content, cases: Cases) -> Iterator[str]:
    trust = content.trust
    if trust:
        yield paragraphs(replace(cell, text=cell.text.removeprefix(f"{content.title}: ")) for cell in trust.lines)
        yield from (_finding(remarks, is_open=not place) for place, remarks in enumerate(trust.remarks))
    for remarks in content.page.remarks:
        yield f"<h3>{escape(remarks.heading)}</h3>{listed(remarks)}"
    if trust:
        tables = "".join(table_of(table, cases) for block in trust.blocks for table in block.tables)
        yield f"<details><summary>Grade of each case</summary>{tables}<p>{escape(trust.legend)}</p></details>"


def _finding(remarks: Remarks, *, is_open: bool) -> str:
    return (
        f"<details{' open' if is_open else ''}><summary>{escape(remarks.heading)}</summary>{listed(remarks)}</details>"
    )
