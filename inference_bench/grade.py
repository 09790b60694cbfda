"""A grade and the findings that led to it. Data only: ``analysis.trust`` holds the rules that make them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a finding lowers the grade; its name in lower case is the code in JSON."""

    MINOR = 1
    SERIOUS = 2
    GRAVE = 3

    @property
    def word(self) -> str:
        """The word for people: ``minor``, ``serious`` or ``critical``."""
        return "critical" if self is Severity.GRAVE else self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to distrust a result.

    Attributes:
        code: stable name of the rule.
        severity: how much it lowers the grade.
        evidence: what was observed, with its figure.
        consequence: what that does to the figures.
        remedy: what to do about it.
        cause: what it has in common with other findings of its grade, such as ``busy machine``; empty if it stands
            alone.
    """

    code: str
    severity: Severity
    evidence: str
    consequence: str
    remedy: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Grade:
    """How far a result can be believed.

    Attributes:
        letter: A without findings; B minor ones only; C one serious cause; D several serious ones; F a critical finding
            (``GRAVE``).
        findings: what led to it, the most severe first.
        rules: version of the rules that made it (``analysis.trust.grade.RULES_VERSION``).
    """

    letter: str
    findings: tuple[Finding, ...]
    rules: int
