"""The result of a comparison: one verdict per metric, phase and case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from inference_bench.plan import Case

OF_RUNS = ("run", "pair", "machine")
"""Replicates that are measurements, of which more can be had."""


class Verdict(StrEnum):
    """What can be said of B against A.

    ``BETTER_OPEN`` and ``WORSE_OPEN``: the direction is certain, but the change may lie within the margin.
    ``WITHHELD``: two engines did not do the same work, so that nothing can be said; no further run changes that.
    """

    BETTER = "better"
    WORSE = "worse"
    BETTER_OPEN = "better_open"
    WORSE_OPEN = "worse_open"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"
    WITHHELD = "withheld"

    @property
    def is_settled(self) -> bool:
        """Whether it answers the question that the margin asks."""
        return self in (Verdict.BETTER, Verdict.WORSE, Verdict.SAME)

    @property
    def is_open(self) -> bool:
        """Whether only the direction is certain."""
        return self in (Verdict.BETTER_OPEN, Verdict.WORSE_OPEN)

    @property
    def open(self) -> Verdict:
        """The same direction with its size open."""
        return {Verdict.BETTER: Verdict.BETTER_OPEN, Verdict.WORSE: Verdict.WORSE_OPEN}.get(self, self)

    @property
    def direction(self) -> Verdict | None:
        """``BETTER`` or ``WORSE``, whether or not the size is open; None without a direction."""
        directions = {Verdict.BETTER_OPEN: Verdict.BETTER, Verdict.WORSE_OPEN: Verdict.WORSE}
        found = directions.get(self, self)
        return found if found in (Verdict.BETTER, Verdict.WORSE) else None


_OPEN = "by how much is open"
_WORDS = {
    "ns": {Verdict.BETTER: "FASTER", Verdict.WORSE: "SLOWER"},
    "bytes": {Verdict.BETTER: "SMALLER", Verdict.WORSE: "LARGER"},
}


def word(verdict: Verdict, unit: str | None) -> str:
    """Return the verdict in the words of this unit.

    >>> word(Verdict.WORSE, "ns"), word(Verdict.BETTER_OPEN, "bytes"), word(Verdict.SAME, "fraction")
    ('SLOWER', 'SMALLER, by how much is open', 'SAME')
    """
    direction = verdict.direction
    if direction is None:
        return verdict.value.upper()
    found = _WORDS.get(unit or "", {}).get(direction, direction.value.upper())
    return f"{found}, {_OPEN}" if verdict.is_open else found


def spoken(verdict: Verdict) -> str:
    """Return the verdict in words for a sentence.

    >>> spoken(Verdict.WORSE_OPEN), spoken(Verdict.SAME)
    ('worse by how much is open', 'same')
    """
    direction = verdict.direction
    return f"{direction.value} {_OPEN}" if direction is not None and verdict.is_open else verdict.value


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
        replicate: what ``runs`` counts: ``run``, ``pair``, ``machine``, ``item`` or ``repetition``.
        relative: whether change, interval, margin and smallest effect are fractions of A, or in the metric's unit.
        change: B less A; NaN where the verdict is withheld.
        low: lower end of the change's interval, or None if the runs are too few.
        high: upper end.
        margin: changes up to this size count as none.
        margin_source: where the margin comes from.
        p: two-sided p of a change beyond the margin; None if there is no interval.
        p_adjusted: the same after Holm's correction over all comparisons.
        p_sign: two-sided p of any change, however small, beyond what instruments and drift make up by themselves.
        p_sign_adjusted: the same, corrected for the comparisons that are not certain to lie beyond the margin.
        smallest_effect: change that is detected in four of five such comparisons; None if the spread is unknown.
        needed_runs: about how many runs of each side would settle it; None if more than ``verdict.MAX_RUNS``.
        method: how the interval was made.
        reason: why the verdict is not settled; empty if it is.
        grades: A's and B's grade; empty if not graded.
        flipped: answers that are right on one side only, of a metric whose items are right or wrong; None of another.
        machines: machine → the change there, where the sides were measured on several; a change over two or more is
            their middle.
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
    low: float | None = None
    high: float | None = None
    margin: float = 0.0
    margin_source: str = ""
    p: float | None = None
    p_adjusted: float | None = None
    p_sign: float | None = None
    p_sign_adjusted: float | None = None
    smallest_effect: float | None = None
    needed_runs: int | None = None
    method: str = ""
    reason: str = ""
    grades: tuple[str, str] = ("", "")
    flipped: int | None = None
    machines: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_of_runs(self) -> bool:
        """Whether further measurements can settle it: its replicates are no items of one data set."""
        return self.replicate in OF_RUNS


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
        in_rounds: whether each round of processes had one of each side, in the same order; they are not pairs.
    """

    before: str
    after: str
    rows: tuple[Comparison, ...]
    differing: Mapping[str, tuple[object, object]]
    unmatched: tuple[str, ...]
    regressions: tuple[str, ...]
    paired: bool
    level: float
    in_rounds: bool = False

    @property
    def in_turn(self) -> bool:
        """Whether the processes of both sides took turns."""
        return self.paired or self.in_rounds

    @property
    def machines(self) -> list[str]:
        """The machines that measured both sides, by name; none where machines were not told apart."""
        return sorted({machine for row in self.rows for machine in row.machines})

    @property
    def is_settled(self) -> bool:
        """Whether every comparison that further runs can settle is settled by the margin."""
        of_runs = [row for row in self.rows if row.is_of_runs]
        return bool(self.rows) and all(row.verdict.is_settled or row.verdict is Verdict.WITHHELD for row in of_runs)

    @property
    def is_withheld(self) -> bool:
        """Whether a verdict is withheld, because the work of two engines was not equal."""
        return any(row.verdict is Verdict.WITHHELD for row in self.rows)

    @property
    def is_worse(self) -> bool:
        """Whether B is worse than A anywhere beyond the margin, or fails where A did not."""
        return bool(self.regressions) or any(row.verdict is Verdict.WORSE for row in self.rows)
