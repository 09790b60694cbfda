from __future__ import annotations

import pytest

from inference_bench.analysis.trust.grade import RULES_VERSION, graded
from inference_bench.grade import Finding, Severity

MINOR, SERIOUS, GRAVE = Severity


@pytest.mark.parametrize(
    ("severities", "letter"),
    [
        ([], "A"),
        ([MINOR, MINOR], "B"),
        ([MINOR, SERIOUS], "C"),
        ([SERIOUS, SERIOUS], "D"),
        ([SERIOUS, GRAVE, SERIOUS], "F"),
    ],
)
def test_the_letter_follows_from_the_severities(severities, letter):
    found = graded(Finding("code", severity, "seen", "effect", "fix") for severity in severities)

    assert (found.letter, found.rules) == (letter, RULES_VERSION)
    assert [finding.severity for finding in found.findings] == sorted(severities, reverse=True)


def test_people_read_critical_where_json_says_grave():
    assert [severity.word for severity in Severity] == ["minor", "serious", "critical"]
