"""The earlier runs of ``--ib-compare``, and what they say of a timed function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.analysis.prediction_interval import FEWEST_RUNS, Judgement, predict
from inference_bench.pytest_plugin.timed_function import describe_change, describe_failure
from inference_bench.results.timing_history import comparable_runs, read_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference_bench.pytest_plugin.timed_function import TimedFunction
    from inference_bench.results.timing_history import ComparableRuns, TimedRun


@dataclass(frozen=True, slots=True)
class Baseline:
    """The runs that were in the file when the session began.

    Attributes:
        runs: oldest first.
        machine: fingerprint of this machine.
        fraction: ``--ib-fail``; None without it.
    """

    runs: Sequence[TimedRun]
    machine: str
    fraction: float | None

    def comparable(self, workers: int) -> ComparableRuns:
        """Return the runs that a run in this many processes is compared with."""
        return comparable_runs(self.runs, self.machine, workers)

    def judge(self, timed: TimedFunction, comparisons: int) -> TimedFunction:
        """Return a timed function with its change and, with ``--ib-fail``, its failure.

        Args:
            timed: without a judgement.
            comparisons: the number of timed functions in this session.
        """
        earlier_ns = self.comparable(timed.workers).medians_ns(timed.name)
        if not timed.median_ns or not earlier_ns:
            return replace(timed, change=f"new, cannot tell (needs {FEWEST_RUNS})")
        found = predict(timed.median_ns, earlier_ns, comparisons)
        judged = replace(
            timed,
            change=describe_change(found),
            judged=found.judgement is not Judgement.UNKNOWN,
            earlier=found.n,
        )
        slower = found.judgement is Judgement.SLOWER
        if self.fraction is None or not slower or found.ratio <= 1 + self.fraction:
            return judged
        return replace(judged, failure=describe_failure(timed, found, self.fraction))


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
    runs = [] if may_be_missing and not path.exists() else read_history(path)
    return Baseline(runs, machine, fraction)
