"""Grades and findings as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.results.serialization import case_to_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.analysis.trust.case import Grade
    from inference_bench.results.run import Run

VERSION = 1


def write_json(run: Run, grades: Sequence[Grade], stream: TextIO) -> None:
    """Write one document: the run's id, and per case its grade and findings."""
    import orjson

    cases = [
        {
            "case": case_to_plain(result.case),
            "grade": grade.letter,
            "findings": [
                {
                    "code": finding.code,
                    "severity": finding.severity.name.lower(),
                    "evidence": finding.evidence,
                    "consequence": finding.consequence,
                    "remedy": finding.remedy,
                }
                for finding in grade.findings
            ],
        }
        for result, grade in zip(run.results, grades, strict=True)
    ]
    document = {"check_version": VERSION, "run": run.record.id, "cases": cases}
    stream.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
