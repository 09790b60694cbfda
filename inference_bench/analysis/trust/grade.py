"""The rule that makes one grade of all findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inference_bench.analysis.trust.causes import with_causes
from inference_bench.grade import Finding, Grade, Severity

RULES_VERSION = 4
"""Version of the rules; raise it when a rule is added or removed, or when a condition, severity or cause changes."""


def graded(findings: Iterable[Finding], rules: int = RULES_VERSION) -> Grade:
    """Return the grade that these findings make; findings of one cause count once.

    Args:
        findings: in any order.
        rules: version of the rules that made them.
    """
    ordered = tuple(sorted(with_causes(findings), key=lambda finding: -finding.severity))
    return Grade(_letter(ordered), ordered, rules)


def _letter(findings: Sequence[Finding]) -> str:
    severities = [finding.severity for finding in findings]
    if Severity.GRAVE in severities:
        return "F"
    serious = [finding for finding in findings if finding.severity is Severity.SERIOUS]
    reasons = len({finding.cause for finding in serious if finding.cause}) + sum(not f.cause for f in serious)
    if reasons:
        return "D" if reasons > 1 else "C"
    return "B" if severities else "A"
