"""A condition on facts: a figure with its interval, compared with a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from inference_bench.analysis.advice.advice import Outcome
from inference_bench.analysis.advice.case_facts import CaseFacts
from inference_bench.analysis.advice.intervals import as_percent, exactly
from inference_bench.analysis.advice.missing import MissingFactError
from inference_bench.ceilings import Interval


@dataclass(frozen=True, slots=True)
class Condition:
    """A figure that must lie above, or below, a threshold.

    Attributes:
        what: the figure, as a sentence names it.
        meaning: what the figure is, for the table of rules.
        figure: returns it; raises ``MissingFactError`` if it is unknown.
        threshold: that it is compared with.
        why: reason for this threshold.
        above: whether it must lie above it.
        written: how the figure is shown.
    """

    what: str
    meaning: str
    figure: Callable[[CaseFacts], Interval]
    threshold: float
    why: str
    above: bool = True
    written: Callable[[Interval], str] = as_percent

    @property
    def text(self) -> str:
        """The condition in words: ``MBU > 60 %``."""
        return f"{self.what} {'>' if self.above else '<'} {self.limit}"

    @property
    def limit(self) -> str:
        """The threshold as it is shown."""
        return self.written(exactly(self.threshold))


@dataclass(frozen=True, slots=True)
class Checked:
    """A condition that was compared with facts.

    Attributes:
        condition: the condition.
        outcome: whether it is true.
        found: the figure; None if it is unknown.
        fact: what is unknown; empty if nothing is.
        tell: what would tell it.
    """

    condition: Condition
    outcome: Outcome
    found: Interval | None
    fact: str = ""
    tell: str = ""

    @property
    def evidence(self) -> str:
        """The figure with its interval, in words."""
        if self.found is None:
            return f"{self.fact} is unknown"
        return f"{self.condition.what} is {self.condition.written(self.found)}"

    @property
    def needs(self) -> str:
        """What would tell whether it is true; empty if that is known."""
        if self.outcome is not Outcome.OPEN:
            return ""
        if self.found is None:
            return f"{self.fact}: {self.tell}"
        return f"more --runs, for {self.evidence}, in which {self.condition.limit} lies"


def check(condition: Condition, facts: CaseFacts) -> Checked:
    """Compare a condition with facts: it is true, or false, only if the whole interval is on one side."""
    try:
        found = condition.figure(facts)
    except MissingFactError as missing:
        return Checked(condition, Outcome.OPEN, None, missing.fact, missing.tell)
    return Checked(condition, _compared(condition, found), found)


def _compared(condition: Condition, found: Interval) -> Outcome:
    limit = condition.threshold
    holds, fails = (
        (found.low > limit, found.high <= limit) if condition.above else (found.high < limit, found.low >= limit)
    )
    return Outcome.HOLDS if holds else Outcome.FAILS if fails else Outcome.OPEN


def all_of(checked: Iterable[Checked]) -> Outcome:
    """Return whether all conditions are true: one that is false decides, one that is open leaves it open."""
    outcomes = {each.outcome for each in checked}
    order = (Outcome.FAILS, Outcome.OPEN, Outcome.HOLDS)
    return next(each for each in order if each in outcomes)


def deciding(checked: Iterable[Checked], outcome: Outcome) -> Iterator[Checked]:
    """Yield the conditions that led to an outcome of ``all_of``."""
    return (each for each in checked if each.outcome is outcome)
