"""What a rule is: a condition on recorded facts, and the finding that follows where it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from inference_bench.grade import Finding, Severity
from inference_bench.metrics import Quantity

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Rule(Generic[Facts]):
    """One entry in a table of rules.

    Attributes:
        code: stable name of its finding; rules that differ only in severity share it.
        severity: of its finding.
        evidence: returns what was observed, or None if the rule does not hold or the facts are missing.
        consequence: what that does to the figures.
        remedy: what to do about it.
        moves: quantities that it can move; it is no finding against figures of others.
    """

    code: str
    severity: Severity
    evidence: Callable[[Facts], str | None]
    consequence: str
    remedy: str
    moves: frozenset[Quantity] = frozenset(Quantity)


TIME = frozenset({Quantity.TIME})
MEMORY = frozenset({Quantity.MEMORY})


def apply_rules(
    rules: Iterable[Rule[Facts]], facts: Facts, measured: frozenset[Quantity] = frozenset(Quantity)
) -> Iterator[Finding]:
    """Yield the finding of each rule that holds and can move something that was measured."""
    for rule in rules:
        evidence = rule.evidence(facts) if rule.moves & measured else None
        if evidence is not None:
            yield Finding(rule.code, rule.severity, evidence, rule.consequence, rule.remedy)


def above(measure: Callable[[Facts], float | None], limit: float, text: str) -> Callable[[Facts], str | None]:
    """Return a condition that holds if a figure exceeds a limit.

    Args:
        measure: returns the figure, or None if unknown.
        limit: highest value that is no finding.
        text: the evidence, with a place for the figure.
    """

    def evidence(facts: Facts) -> str | None:
        value = measure(facts)
        return None if value is None or value <= limit else text.format(value)

    return evidence


def number(facts: Mapping[str, object], name: str) -> float | None:
    """Return a fact if it is a number, else None."""
    value = facts.get(name)
    return value if isinstance(value, (int, float)) else None


def section(facts: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return a group of facts; empty if it is missing."""
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}
