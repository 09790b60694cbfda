"""The earlier runs of ``--ib-compare``, and what they say of a timed function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.analysis.prediction_interval import FEWEST_RUNS, Judgement
from inference_bench.pytest_plugin.timed_function import describe_change, describe_failure
from inference_bench.results.comparable_runs import comparable_runs
from inference_bench.results.judged_figure import judge_figure
from inference_bench.results.run_figures import figures_of_line
from inference_bench.results.timing_history import TimedRun, read_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference_bench.pytest_plugin.timed_function import TimedFunction
    from inference_bench.results.comparable_runs import ComparableRuns
    from inference_bench.results.run_figures import RunFigures


@dataclass(frozen=True, slots=True)
class Baseline:
    """The runs that were in the file when the session began.

    Attributes:
        runs: oldest first.
        machine: fingerprint of this machine.
        fraction: ``--ib-fail``; None without it.
    """

    runs: Sequence[RunFigures]
    machine: str
    fraction: float | None

    def comparable(self, workers: int) -> ComparableRuns:
        """Return the runs that a run in this many processes is judged by."""
        return comparable_runs(figures_of_line(TimedRun({}, self.machine, workers)), self.runs)

    def judge(self, timed: TimedFunction, comparisons: int) -> TimedFunction:
        """Return a timed function with its change and, with ``--ib-fail``, its failure.

        Args:
            timed: without a judgement.
            comparisons: the number of timed functions in this session.
        """
        medians_ns = {timed.name: timed.median_ns} if timed.median_ns else {}
        new = figures_of_line(TimedRun(medians_ns, self.machine, timed.workers))
        judged = [judge_figure(new, slot, self.comparable(timed.workers), comparisons) for slot in new.figures]
        if not judged or judged[0].prediction is None:
            return replace(timed, change=f"new, cannot tell (needs {FEWEST_RUNS})")
        found = judged[0].prediction
        told = replace(
            timed,
            change=describe_change(found),
            judged=found.judgement is not Judgement.UNKNOWN,
            earlier=found.n,
        )
        if self.fraction is None or not found.judgement.is_alarm or found.change <= self.fraction:
            return told
        return replace(told, failure=describe_failure(timed, found, self.fraction))


def read_baseline(path: Path, machine: str, fraction: float | None, *, may_be_missing: bool) -> Baseline:
    """Read the file of ``--ib-compare``.

    Args:
        path: the file.
        machine: fingerprint of this machine.
        fraction: ``--ib-fail``.
        may_be_missing: whether a file that does not exist holds no runs, since this run will begin it.

    Raises:
        RunFormatError: it cannot be read, or a line is not a run.
    """
    lines = [] if may_be_missing and not path.exists() else read_history(path)
    return Baseline([figures_of_line(line, number) for number, line in enumerate(lines, 1)], machine, fraction)
