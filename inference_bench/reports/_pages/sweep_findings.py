"""The findings of a sweep: the pages of its shares as one, node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.reports._pages import findings
from inference_bench.reports._pages.document import Block, Cell, Page, Remarks, Tone
from inference_bench.results.machines import node_of, sweep_of
from inference_bench.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference_bench.results.run import Run


def page(runs: Sequence[Run], remarks: Sequence[str] = ()) -> Page:
    """Return a page on how far the cases of a sweep can be trusted on each node.

    Args:
        runs: of its shares, one or more.
        remarks: lines below the first.
    """
    ordered = sorted(runs, key=lambda run: (node_of(run.record), run.record.provenance.tags.get("share", "")))
    pages = [(node_of(run.record), findings.page(run)) for run in ordered]
    nodes = dict.fromkeys(node for node, _ in pages)
    return Page(
        lines=(
            Cell(f"Sweep {sweep_of(runs[0].record)}: {counted(len(nodes), 'node')}, {counted(len(runs), 'run')}"),
            *(Cell(f"{node}: {line.text}", line.tone) for node, each in pages for line in each.lines),
            *map(Cell, remarks),
        ),
        blocks=tuple(_block(node, [each for of, each in pages if of == node]) for node in nodes),
        remarks=tuple(_remarks(pages)),
        legend=pages[0][1].legend,
    )


def _block(node: str, pages: Iterable[Page]) -> Block:
    tables = tuple(table for page in pages for block in page.blocks for table in block.tables)
    return Block(Cell(node, Tone.STRONG), (), tables)


def _remarks(pages: Iterable[tuple[str, Page]]) -> list[Remarks]:
    """Return each remark once, with the nodes that it holds for."""
    found: dict[Remarks, dict[str, None]] = {}
    for node, page in pages:
        for remark in page.remarks:
            found.setdefault(remark, {})[node] = None
    return [Remarks(f"{', '.join(nodes)}: {remark.heading}", remark.lines) for remark, nodes in found.items()]
