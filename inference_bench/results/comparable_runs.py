"""Which earlier runs a new run is judged by, and a sentence about those that are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.results.pairing import PAIRING
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.results.comparison_sides import Slot
    from inference_bench.results.run_figures import Figure, RunFigures

_ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class ComparableRuns:
    """The earlier runs that a new run is judged by.

    Attributes:
        runs: oldest first.
        notes: sentences about those that are left out, or whose machine is unknown.
    """

    runs: Sequence[RunFigures]
    notes: Sequence[str] = ()

    def of(self, slot: Slot) -> list[Figure]:
        """Return the figures of one metric of one case, oldest first."""
        return [run.figures[slot] for run in self.runs if slot in run.figures]


def comparable_runs(new: RunFigures, history: Sequence[RunFigures], *, across_machines: bool = False) -> ComparableRuns:
    """Return the runs of the same machine that began before the new one; an unknown machine counts as the same.

    Args:
        new: the new run; it is no part of its own history.
        history: in any order; runs without a time keep theirs.
        across_machines: whether runs of other machines count.
    """
    why_not = {id(run): _why_not(new, run, across_machines=across_machines) for run in history}
    chosen = [run for run in history if not why_not[id(run)]]
    left_out = Counter(why for why in why_not.values() if why)
    itself = left_out.pop(_ITSELF, 0)
    unknown = sum(run.machine is None for run in chosen)
    notes = [f"{counted(count, 'earlier run')} {why}: not compared." for why, count in left_out.items()]
    notes += ["The new run is in the history itself: left out there."] if itself else []
    notes += (
        [f"{counted(unknown, 'earlier run')} of an unknown machine: compared as if of this one."] if unknown else []
    )
    return ComparableRuns(sorted(chosen, key=lambda run: (run.created_utc, run.id if run.run else "")), notes)


def _why_not(new: RunFigures, run: RunFigures, *, across_machines: bool) -> str:
    """Return why a run does not count; empty if it does."""
    if new.id and run.id == new.id:
        return _ITSELF
    if None not in (run.machine, new.machine) and run.machine != new.machine and not across_machines:
        return "of another machine"
    if None not in (run.workers, new.workers) and run.workers != new.workers:
        return f"timed in another number of processes than {new.workers}"
    if run.folder is not None and (run.folder.parent / PAIRING).is_file():
        return "of an interleaved measurement (`ab`)"
    if new.created_utc and run.created_utc > new.created_utc:
        return "begun after the new one"
    return ""
