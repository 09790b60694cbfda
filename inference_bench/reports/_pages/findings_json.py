"""Grades and findings as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.analysis.trust.grade import RULES_VERSION
from inference_bench.analysis.trust.run import run_grade
from inference_bench.results.serialization import case_to_plain, finding_to_plain, plain, to_json

if TYPE_CHECKING:
    from inference_bench.results.run import Run

VERSION = 1


def write_json(run: Run, stream: TextIO) -> None:
    """Write one document: the run's findings, and per case its grade, the version of its rules and its findings.

    The document's own ``rules`` is the version that this program has.
    """
    cases = [
        {
            "case": case_to_plain(result.case),
            "grade": result.grade.letter,
            "rules": result.grade.rules,
            "findings": [finding_to_plain(finding) for finding in result.grade.findings],
            "slo": plain(result.slo),
        }
        for result in run.results
        if result.grade is not None
    ]
    findings = [finding_to_plain(finding) for finding in run_grade(run.record).findings]
    document = {
        "check_version": VERSION,
        "run": run.record.id,
        "rules": RULES_VERSION,
        "findings": findings,
        "cases": cases,
    }
    stream.write(to_json(document).decode())
