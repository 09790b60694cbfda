"""What else ran on the nodes of a sweep while they were timed, and what its launcher can have taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from inference_bench.analysis.disturbance import Disturbance, beyond_interval, disturbance_of
from inference_bench.reports._pages.document import NO_FIGURE, Cell, Column, Table, Tone
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_COLUMNS = (
    Column("node"),
    Column("others, CPUs", numeric=True),
    Column("launcher, CPUs", numeric=True),
    Column("switches/s", numeric=True),
    Column("CPU pressure", numeric=True),
)
_NOTE = (
    "during timed windows. others: all other processes. launcher: those among them that belong to what started the "
    "share. switches: involuntary ones of the measured process. CPU pressure: time in which some task waited for a CPU"
)
_NAMED = 3


def table(runs: Mapping[str, Sequence[Run]]) -> Table:
    """Return what else ran on each node, with a sentence for each whose launcher can have moved figures.

    Args:
        runs: node → its runs.
    """
    results = {node: [result for run in of_node for result in run.results] for node, of_node in sorted(runs.items())}
    found = {node: disturbance_of(worker for result in of for worker in result.workers) for node, of in results.items()}
    sentences = [
        Cell(f"{node}: {sentence}", Tone.WARNING)
        for node, disturbance in found.items()
        for sentence in _sentences(disturbance, results[node])
    ]
    return Table("", _COLUMNS, (tuple(_row(*each) for each in found.items()),), note=_NOTE, below=tuple(sentences))


def _row(node: str, found: Disturbance) -> tuple[Cell, ...]:
    figures = (
        (found.others_cpus, "{:.3f}"),
        (found.launcher_cpus, "{:.3f}"),
        (found.switches, "{:.1f}"),
        (found.pressure, "{:.1%}"),
    )
    return Cell(node), *(NO_FIGURE if value is None else Cell(form.format(value)) for value, form in figures)


def _sentences(found: Disturbance, results: Sequence[BenchmarkResult]) -> Iterator[str]:
    """Yield that the launcher can have taken more time than intervals allow for, if so."""
    taken = [each for each in map(beyond_interval, results) if each is not None]
    if not taken:
        return
    worst = max(taken, key=lambda each: each.share - each.half_width)
    names = ", ".join(list(found.launcher)[:_NAMED])
    cases = f"{len(taken)} of {counted(len(results), 'case')}"
    yield (
        f"the launcher ({names}) can have taken up to {worst.share:.1%} of the time of a case whose interval is "
        f"±{worst.half_width:.1%}, and more than the interval allows for in {cases}: "
        "use fewer --threads than CPUs, or give the launcher a CPU of its own."
    )
