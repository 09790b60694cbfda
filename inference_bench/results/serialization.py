"""Convert results to plain data (dicts, lists, strings, numbers) for files, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from inference_bench.grade import Finding, Grade
from inference_bench.metrics import better_of, unit_of
from inference_bench.plan import Case
from inference_bench.provenance.record import Provenance
from inference_bench.result import BenchmarkResult, RunRecord, Summary
from inference_bench.results.documents import CaseEntry, FindingEntry, RecordDocument, ResultEntry, TrustEntry
from inference_bench.results.reading import read_as
from inference_bench.spec import Spec
from inference_bench.text import without_secrets

_INT64 = range(-(1 << 63), 1 << 64)
"""Integers that orjson writes as numbers: signed and unsigned 64-bit."""


def plain(value: object) -> Any:
    """Return any value as data that JSON can hold.

    Descriptions of models and machines contain arbitrary objects (paths, NumPy scalars, undecodable bytes of a worker's
    stderr); none of them may lose a result. Passwords in URLs are left out. NaN and infinities become
    None, because JSON has neither.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = str(value).encode("utf-8", "replace").decode("utf-8")
        return without_secrets(text) if "://" in text else text
    if isinstance(value, int):
        return int(value) if value in _INT64 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return plain(str(value))


def to_json(document: object) -> bytes:
    """Return any value as JSON, indented, because people read such files and compare them with ``diff``."""
    import orjson

    return orjson.dumps(plain(document), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def case_to_plain(case: Case) -> CaseEntry:
    """Return a case as plain data."""
    return {
        "id": case.id,
        "slug": case.slug,
        "model": plain(case.model),
        "benchmark": plain(case.benchmark),
        "setup": plain(case.setup),
        "parameters": plain(case.parameters),
    }


def result_to_plain(result: BenchmarkResult) -> dict[str, object]:
    """Return a result without its samples, with the unit and direction of each metric."""
    return {
        "case": case_to_plain(result.case),
        "status": result.status.value,
        "model": plain(result.model),
        "summaries": [summary_to_plain(summary) for summary in result.summaries],
        "notes": plain(result.notes),
        "workers": plain(result.workers),
        "failure": plain(result.failure),
        "trust": grade_to_plain(result.grade),
        "headline": list(result.headline),
        "slo": plain(result.slo),
        "floor": plain(result.floor),
    }


def grade_to_plain(grade: Grade | None) -> dict[str, object]:
    """Return a grade with the version of its rules; ``findings`` names what ``reasons`` explains."""
    if grade is None:
        return {"grade": None, "rules": None, "findings": [], "reasons": []}
    return {
        "grade": grade.letter,
        "rules": grade.rules,
        "findings": [finding.code for finding in grade.findings],
        "reasons": [finding_to_plain(finding) for finding in grade.findings],
    }


def finding_to_plain(finding: Finding) -> FindingEntry:
    """Return a finding; its severity by name."""
    return {
        "code": finding.code,
        "severity": finding.severity.name.lower(),
        "evidence": plain(finding.evidence),
        "consequence": finding.consequence,
        "remedy": finding.remedy,
        "cause": finding.cause,
    }


def summary_to_plain(summary: Summary) -> dict[str, object]:
    """Return a summary with the unit and direction of its metric."""
    return {
        "metric": summary.metric,
        "phase": summary.phase,
        "unit": unit_of(summary.metric),
        "better": better_of(summary.metric),
        **{name: value for name, value in plain(summary).items() if name not in ("metric", "phase")},
    }


def result_from_plain(entry: ResultEntry) -> BenchmarkResult:
    """Return the result of a checked entry of ``results.json``; its tables are None."""
    return BenchmarkResult(
        case=entry["case"].case,
        status=entry["status"],
        summaries=tuple(entry["summaries"]),
        model=entry["model"],
        workers=tuple(entry["workers"]),
        notes=tuple(entry["notes"]),
        failure=entry["failure"],
        grade=_grade_from_plain(entry.get("trust")),
        headline=tuple(entry.get("headline", ())),
        slo=entry.get("slo"),
        floor=entry.get("floor", {}),
    )


def _grade_from_plain(data: TrustEntry | None) -> Grade | None:
    """Return the grade; None if there is none, or it was stored before rules had a version, without its reasons."""
    if data is None or data["grade"] is None:
        return None
    rules, reasons = data.get("rules"), data.get("reasons")
    return None if rules is None or reasons is None else Grade(data["grade"], tuple(reasons), rules)


def run_cells(provenance: Provenance) -> dict[str, str | int | None]:
    """Return the values of ``RUN_COLUMNS`` by name; None where unknown."""
    code = provenance.code
    return {
        "commit": plain(code.commit) if code else None,
        "changed_files": code.changed_files if code else None,
        "label": plain(provenance.label) or None,
    }


def record_to_plain(record: RunRecord) -> dict[str, object]:
    """Return the record of a run as plain data."""
    data: dict[str, object] = plain(record)
    return data


def record_from_plain(data: object, where: object) -> RunRecord:
    """Return the record.

    Args:
        data: content of ``run.json``.
        where: the file, for the message.

    Raises:
        RunFormatError: the data are not a record.
    """
    read_as(RecordDocument, data, where)
    return read_as(RunRecord, data, where)


def spec_from_plain(data: object, where: object) -> Spec:
    """Return the spec.

    Args:
        data: ``RunRecord.spec``.
        where: the file, for the message.

    Raises:
        RunFormatError: the data are not a spec, or this version does not allow a value.
    """
    return read_as(Spec, data, where)
