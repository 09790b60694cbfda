"""The rule that makes one grade of all findings."""

from __future__ import annotations

from collections.abc import Iterable

from inference_bench.grade import Finding, Grade, Severity

RULES_VERSION = 1
"""Version of the rules; raise it when a rule is added or removed, or its condition or severity changes."""


def graded(findings: Iterable[Finding], rules: int = RULES_VERSION) -> Grade:
    """Return the grade that these findings make.

    Args:
        findings: in any order.
        rules: version of the rules that made them.
    """
    ordered = tuple(sorted(findings, key=lambda finding: -finding.severity))
    return Grade(_letter([finding.severity for finding in ordered]), ordered, rules)


def _letter(severities: list[Severity]) -> str:
    if Severity.GRAVE in severities:
        return "F"
    serious = severities.count(Severity.SERIOUS)
    if serious:
        return "D" if serious > 1 else "C"
    return "B" if severities else "A"
