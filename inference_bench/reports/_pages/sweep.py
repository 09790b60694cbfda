"""The page of a sweep: nodes side by side, which of them stand out, and ratios within nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inference_bench.analysis.node_effects import outside_band, relative_times, within_nodes
from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._pages import other_processes
from inference_bench.reports._pages.calibration import calibration_blocks
from inference_bench.reports._pages.case_names import Places
from inference_bench.reports._pages.departures import departing
from inference_bench.reports._pages.document import NO_FIGURE, Block, Cell, Column, Page, Remarks, Table, Tone
from inference_bench.results.sweep_file import ShareStatus
from inference_bench.units import counted, format_value

if TYPE_CHECKING:
    from inference_bench.plan import Case
    from inference_bench.result import Estimate
    from inference_bench.results.sweep_figures import SweepFigures, SweepRow
    from inference_bench.results.sweep_file import ShareRecord

_LEGEND = (
    "time: geometric mean, over all times, of a node's figure over the median of all nodes; more than 1 is slower. "
    "within nodes: each node gives one ratio, so that its speed cancels; [low, high] is the 95 % interval for further "
    "nodes. band: 95 % of fleets without an odd node lie wholly in it, and it is never narrower than 5 % to each side. "
    "Figures of different nodes are not compared."
)


def page(found: SweepFigures) -> Page:
    """Return the page of a sweep."""
    relative = relative_times([row.values for row in found.rows if unit_of(row.metric) == "ns"])
    odd = outside_band(relative)
    places = Places(found.results)
    blocks = [Block(Cell("Nodes", Tone.STRONG), (), (_nodes(found, relative, odd),))]
    blocks += [Block(Cell("Figures", Tone.STRONG), (), (_figures(found, places),))] if found.rows else []
    slots = {(row.case.benchmark, row.metric, row.phase) for row in found.rows}
    blocks += calibration_blocks(found.record, slots)
    ratios = list(_ratios(found.rows, places))
    blocks += [Block(Cell("Within nodes", Tone.STRONG), (), (_within(ratios),))] if ratios else []
    others = (other_processes.table(found.runs),)
    blocks += [Block(Cell("Other processes", Tone.STRONG), (), others)] if found.runs else []
    attempts = tuple(_attempts(found.record.shares))
    remarks = departing(found.rows, relative, places)
    remarks += [Remarks("What went wrong", attempts)] if attempts else []
    return Page(tuple(_lines(found, odd)), tuple(blocks), tuple(remarks), _LEGEND)


def _lines(found: SweepFigures, odd: Sequence[str]) -> Iterator[Cell]:
    shares = found.record.shares
    ended = sum(share.status is ShareStatus.ENDED for share in shares)
    tone = Tone.PLAIN if ended == len(shares) else Tone.ALARM
    yield Cell(f"Sweep {found.record.id}: {ended} of {counted(len(shares), 'share')} ended, on {found.record.on}", tone)
    if odd:
        yield Cell(f"Outside the band of the others: {', '.join(odd)}.", Tone.WARNING)


def _nodes(found: SweepFigures, relative: dict[str, float], odd: Sequence[str]) -> Table:
    columns = (Column("node"), Column("machine"), Column("time", numeric=True), Column("runs", numeric=True))
    rows = []
    for node in found.nodes:
        runs = found.runs[node]
        machines = {str(run.record.environment.get("fingerprint", "unknown")) for run in runs}
        time = relative.get(node)
        tone = Tone.WARNING if node in odd else Tone.PLAIN
        figure = NO_FIGURE if time is None else Cell(f"{time:.3f}", tone)
        rows.append((Cell(node, tone), Cell(", ".join(sorted(machines))), figure, Cell(str(len(runs)))))
    return Table("", columns, (tuple(rows),))


def _figures(found: SweepFigures, places: Places) -> Table:
    columns = (Column("case"), Column("metric"), *(Column(node, numeric=True) for node in found.nodes))
    rows = tuple(
        (
            Cell(places.name(row.case)),
            Cell(_metric(row)),
            *(_figure(row.figures.get(node), unit_of(row.metric) or "") for node in found.nodes),
        )
        for row in found.rows
    )
    return Table("", columns, (rows,), repeated=2, is_sortable=False)


def _metric(row: SweepRow) -> str:
    return f"{title_of(row.metric)}{f', {row.phase}' if row.phase else ''}"


def _figure(figure: Estimate | None, unit: str) -> Cell:
    return NO_FIGURE if figure is None or figure.value is None else Cell(format_value(figure.value, unit))


Ratio = tuple[str, str, str, "Estimate", int]
"""Case, baseline, metric, ratio and nodes."""


def _ratios(rows: Sequence[SweepRow], places: Places) -> Iterator[Ratio]:
    """Yield each set-up over the first one of the same model, benchmark and parameters."""
    first: dict[tuple[object, ...], SweepRow] = {}
    for row in rows:
        baseline = first.setdefault(_alike(row.case, row), row)
        ratio = within_nodes(baseline.values, row.values) if baseline is not row else None
        if ratio is not None:
            nodes = len(baseline.values.keys() & row.values.keys())
            yield places.name(row.case), places.name(baseline.case), _metric(row), ratio, nodes


def _alike(case: Case, row: SweepRow) -> tuple[object, ...]:
    return case.model, case.benchmark, tuple(case.parameters.items()), row.metric, row.phase


def _within(ratios: Sequence[Ratio]) -> Table:
    columns = (
        Column("case"),
        Column("over"),
        Column("metric"),
        Column("ratio", numeric=True),
        Column("interval", numeric=True),
        Column("nodes", numeric=True),
    )
    rows = tuple(
        (
            Cell(case),
            Cell(baseline),
            Cell(metric),
            NO_FIGURE if ratio.value is None else Cell(f"{ratio.value:.3f}", Tone.STRONG),
            NO_FIGURE if ratio.low is None or ratio.high is None else Cell(f"[{ratio.low:.3f}, {ratio.high:.3f}]"),
            Cell(str(nodes)),
        )
        for case, baseline, metric, ratio, nodes in ratios
    )
    return Table("", columns, (rows,), is_sortable=False)


def _attempts(shares: Sequence[ShareRecord]) -> Iterator[Cell]:
    for share in shares:
        for attempt in share.attempts:
            if attempt.cause:
                yield Cell(f"{share.block} on {attempt.node}: {attempt.status.value}: {attempt.cause}")
