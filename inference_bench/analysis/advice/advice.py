"""Why a case is as slow as it is, and what would help by how much. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference_bench.ceilings import Interval
from inference_bench.plan import Case


class Outcome(StrEnum):
    """Whether a condition is true, as far as the intervals of its figures tell."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "cannot tell"


@dataclass(frozen=True, slots=True)
class ClassFinding:
    """Whether one phase of a case belongs to a class such as memory-bound.

    Attributes:
        code: stable name of the class, such as ``memory_bound``.
        title: the class for people.
        phase: ``prefill``, ``decode`` …; ``process`` for what concerns all that a process did while it was timed.
        metric: tag of the metric whose time it explains; empty for ``process``.
        outcome: whether it belongs to it.
        evidence: the figures with their intervals, a sentence without an end.
        needs: what would tell, a sentence without an end; empty unless ``outcome`` is ``OPEN``.
        share: of the time that this class explains; None where it explains no share, or is unknown.
    """

    code: str
    title: str
    phase: str
    metric: str
    outcome: Outcome
    evidence: str
    needs: str = ""
    share: Interval | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """A change, and what it is predicted to bring.

    Attributes:
        change: the candidate in the words of ``ab``, such as ``dtype=bfloat16``.
        baseline: the present value in the same words.
        because: code of the class that it follows from.
        phase: of the figure that is predicted.
        metric: tag of that figure, which is a time.
        predicted: how many times as fast the candidate is: the baseline's time over the candidate's, times ``work``.
        how: how that was predicted, a sentence without an end.
        command: words after ``python -m inference_bench`` that measure it.
        work: work of one of the candidate's times over that of one of the baseline's: the rows of a larger batch.
        is_counterfactual: whether it is no advice but a proof of the class: no gain is predicted.
    """

    change: str
    baseline: str
    because: str
    phase: str
    metric: str
    predicted: Interval
    how: str
    command: tuple[str, ...]
    work: float = 1.0
    is_counterfactual: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A change that is no experiment here.

    Attributes:
        change: in the words of ``ab``.
        because: code of the class that it would follow from.
        phase: that it would change.
        reason: why it is none, a sentence without an end.
    """

    change: str
    because: str
    phase: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaseAdvice:
    """What can be said of one case.

    Attributes:
        case: the case.
        findings: one per class and phase, in the order of the table of rules.
        experiments: those that may bring a gain, the largest certain gain first; then the counterfactual ones.
        left_out: changes that were thought of and are no experiment here.
        problem: why nothing can be said, a sentence without an end; empty if something can.
    """

    case: Case
    findings: tuple[ClassFinding, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    problem: str = ""

    @property
    def named(self) -> tuple[ClassFinding, ...]:
        """The classes that the case belongs to."""
        return tuple(finding for finding in self.findings if finding.outcome is Outcome.HOLDS)

    @property
    def open(self) -> tuple[ClassFinding, ...]:
        """The classes of which it cannot be told."""
        return tuple(finding for finding in self.findings if finding.outcome is Outcome.OPEN)


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be said of a run.

    Attributes:
        run: its id.
        fingerprint: of the machine that it was measured on.
        ceilings_utc: when the ceilings were measured that it is held against; empty without ceilings.
        rules: version of the rules that judged (``rules.RULES_VERSION``).
        cases: one per case that ended.
    """

    run: str
    fingerprint: str
    ceilings_utc: str
    rules: int
    cases: tuple[CaseAdvice, ...]
