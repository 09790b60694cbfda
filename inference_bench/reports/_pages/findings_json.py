"""Grades and findings as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TextIO, TypedDict

from inference_bench.analysis.trust.grade import RULES_VERSION
from inference_bench.analysis.trust.run import run_grade
from inference_bench.result import SloJudgement
from inference_bench.results.documents import CaseEntry, FindingEntry
from inference_bench.results.machines import node_of, sweep_of
from inference_bench.results.serialization import case_to_plain, finding_to_plain, to_json

if TYPE_CHECKING:
    from inference_bench.results.run import Run

VERSION: Literal[1] = 1


class GradedEntry(TypedDict):
    """One case: its grade, the version of the rules that made it, and its findings."""

    case: CaseEntry
    grade: str
    rules: int
    findings: Sequence[FindingEntry]
    slo: SloJudgement | None


class FindingsDocument(TypedDict):
    """What ``check`` prints. ``rules`` is the version that this program has; ``findings`` are the run's own."""

    check_version: Literal[1]
    run: str
    rules: int
    findings: Sequence[FindingEntry]
    cases: Sequence[GradedEntry]


class NodeFindings(FindingsDocument):
    """What a share of a sweep says, and its node."""

    node: str


class SweepFindingsDocument(TypedDict):
    """What ``check`` prints of a sweep: one entry per share."""

    check_version: Literal[1]
    sweep: str
    nodes: Sequence[NodeFindings]


def write_json(run: Run, stream: TextIO) -> None:
    """Write one document."""
    stream.write(to_json(_document(run)).decode())


def write_sweep_json(runs: Sequence[Run], stream: TextIO) -> None:
    """Write one document on the runs of a sweep."""
    nodes: list[NodeFindings] = [{**_document(run), "node": node_of(run.record)} for run in runs]
    document: SweepFindingsDocument = {
        "check_version": VERSION,
        "sweep": sweep_of(runs[0].record),
        "nodes": nodes,
    }
    stream.write(to_json(document).decode())


def _document(run: Run) -> FindingsDocument:
    cases: list[GradedEntry] = [
        {
            "case": case_to_plain(result.case),
            "grade": result.grade.letter,
            "rules": result.grade.rules,
            "findings": [finding_to_plain(finding) for finding in result.grade.findings],
            "slo": result.slo,
        }
        for result in run.results
        if result.grade is not None
    ]
    findings = [finding_to_plain(finding) for finding in run_grade(run.record).findings]
    return {
        "check_version": VERSION,
        "run": run.record.id,
        "rules": RULES_VERSION,
        "findings": findings,
        "cases": cases,
    }
