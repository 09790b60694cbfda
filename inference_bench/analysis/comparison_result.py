"""The result of a comparison: one verdict per metric, phase and case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inference_bench.plan import Case


class Verdict(StrEnum):
    """What can be said of B against A."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


_WORDS = {
    "ns": {Verdict.BETTER: "FASTER", Verdict.WORSE: "SLOWER"},
    "bytes": {Verdict.BETTER: "SMALLER", Verdict.WORSE: "LARGER"},
}


def word(verdict: Verdict, unit: str | None) -> str:
    """Return the verdict in the words of this unit: FASTER, SMALLER, BETTER …"""
    return _WORDS.get(unit or "", {}).get(verdict, verdict.value.upper())


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric in one phase of one case: B against A.

    Attributes:
        before: A's case.
        after: B's case.
        metric: tag.
        phase: as in ``Samples``; of a scored metric the task.
        verdict: what can be said.
        values: A's and B's figure, in the metric's unit: the median over runs, or the metric's statistic of the scores.
        runs: processes (items, repetitions) of A and of B.
        replicate: what ``runs`` counts: ``run``, ``pair``, ``item`` or ``repetition``.
        relative: whether change, interval, margin and smallest effect are fractions of A, or in the metric's unit.
        change: B less A.
        low: lower end of the change's interval, or None if the runs are too few.
        high: upper end.
        margin: changes up to this size count as none.
        margin_source: where the margin comes from.
        p: two-sided p of a change beyond the margin; None if there is no interval.
        p_adjusted: the same after Holm's correction over all comparisons of this table.
        smallest_effect: change that is detected in four of five such comparisons; None if the spread is unknown.
        needed_runs: about how many runs of each side would settle it; None if more than ``verdict.MAX_RUNS``.
        method: how the interval was made.
        reason: why there is no verdict; empty if there is one.
        grades: A's and B's grade; empty if not graded.
    """

    before: Case
    after: Case
    metric: str
    phase: str
    verdict: Verdict
    values: tuple[float, float]
    runs: tuple[int, int]
    replicate: str
    relative: bool
    change: float
    low: float | None
    high: float | None
    margin: float
    margin_source: str
    p: float | None
    p_adjusted: float | None
    smallest_effect: float | None
    needed_runs: int | None
    method: str
    reason: str = ""
    grades: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Comparisons:
    """B against A, case by case.

    Attributes:
        before: A's name.
        after: B's name.
        rows: the comparisons.
        differing: fields of a case in which the sides differ as a whole, such as ``dtype``, with both values.
        unmatched: cases or metrics that one side lacks, one line each.
        regressions: cases that A measured and B failed to, one line each.
        paired: whether the runs are interleaved pairs.
        level: confidence level of the intervals.
    """

    before: str
    after: str
    rows: tuple[Comparison, ...]
    differing: Mapping[str, tuple[object, object]]
    unmatched: tuple[str, ...]
    regressions: tuple[str, ...]
    paired: bool
    level: float

    @property
    def is_settled(self) -> bool:
        """Whether every comparison that further runs can settle has a verdict."""
        of_runs = (row.replicate in ("run", "pair") for row in self.rows)
        verdicts = (row.verdict is not Verdict.INCONCLUSIVE for row in self.rows)
        return bool(self.rows) and all(not more or found for more, found in zip(of_runs, verdicts, strict=True))

    @property
    def is_worse(self) -> bool:
        """Whether B is worse than A anywhere beyond the margin, or fails where A did not."""
        return bool(self.regressions) or any(row.verdict is Verdict.WORSE for row in self.rows)
