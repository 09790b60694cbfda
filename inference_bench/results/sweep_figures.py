"""The figures of a sweep: per metric of a case, one per node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from inference_bench.errors import RunFormatError
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Status
from inference_bench.results.run import Run, load_run
from inference_bench.results.storage import Folder
from inference_bench.results.sweep_file import ShareStatus, SweepRecord, read_sweep


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One metric of one case on all nodes.

    Attributes:
        case: what was measured.
        metric: tag.
        phase: as in ``Summary``.
        figures: node → figure.
    """

    case: Case
    metric: str
    phase: str
    figures: dict[str, Estimate] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """Node → figure, where it is known."""
        return {node: figure.value for node, figure in self.figures.items() if figure.value is not None}


@dataclass(frozen=True, slots=True)
class SweepFigures:
    """What a sweep measured.

    Attributes:
        record: of the sweep.
        runs: node → its runs.
        rows: headline metrics, in the order of measuring.
    """

    record: SweepRecord
    runs: dict[str, list[Run]]
    rows: Sequence[SweepRow]

    @property
    def nodes(self) -> list[str]:
        """The nodes that measured anything, by name."""
        return sorted(self.runs)

    @property
    def results(self) -> list[BenchmarkResult]:
        """One result per case, whichever node it is of."""
        found = {result.case.id: result for runs in self.runs.values() for run in runs for result in run.results}
        return list(found.values())


def read_figures(folder: Folder, problem: Callable[[str], None]) -> SweepFigures:
    """Read a sweep and the runs of its shares that have ended.

    Args:
        folder: of the sweep.
        problem: called with a line for each run that cannot be read.

    Raises:
        RunFormatError: the sweep cannot be read.
    """
    record = read_sweep(folder)
    runs: dict[str, list[Run]] = {}
    for share in record.shares:
        if share.status is not ShareStatus.ENDED:
            continue
        try:
            runs.setdefault(share.node, []).append(load_run(share.run))
        except RunFormatError as error:
            problem(str(error))
    return SweepFigures(record, runs, _rows(runs))


def _rows(runs: dict[str, list[Run]]) -> list[SweepRow]:
    rows: dict[tuple[str, str, str], SweepRow] = {}
    for node, of_node in runs.items():
        for case, metric, phase, figure in _figures(of_node):
            row = rows.setdefault((case.id, metric, phase), SweepRow(case, metric, phase))
            row.figures.setdefault(node, figure)
    return sorted(rows.values(), key=lambda row: (row.case.slug, row.metric, row.phase))


def _figures(runs: Sequence[Run]) -> Iterator[tuple[Case, str, str, Estimate]]:
    for run in runs:
        for result in run.results:
            if result.status is not Status.OK:
                continue
            for summary in result.summaries:
                if summary.metric in result.headline:
                    yield result.case, summary.metric, summary.phase, summary.headline
