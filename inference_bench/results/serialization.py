"""Convert results to plain data (dicts, lists, strings, numbers) for files, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from inference_bench.grade import Finding, Grade, Severity
from inference_bench.metrics import better_of, unit_of
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Failure, Mode, RunRecord, Status, Summary
from inference_bench.results.documents import (
    CaseEntry,
    FindingEntry,
    RecordDocument,
    ResultEntry,
    SummaryEntry,
    TrustEntry,
)
from inference_bench.spec import Limits, Setup, Spec

T = TypeVar("T")

_INT64 = range(-(1 << 63), 1 << 64)
"""Integers that orjson writes as numbers: signed and unsigned 64-bit."""


def plain(value: object) -> Any:
    """Return any value as data that JSON can hold.

    Descriptions of models and machines contain arbitrary objects (paths, NumPy scalars, undecodable bytes of a worker's
    stderr); none of them may lose a result. NaN and infinities become None, because JSON has neither.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
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


def case_from_plain(data: CaseEntry) -> Case:
    """Return the case.

    Raises:
        KeyError, TypeError, ValueError: the data are not a case.
    """
    return Case(data["model"], data["benchmark"], _build(Setup, data["setup"]), dict(data["parameters"]))


def result_to_plain(result: BenchmarkResult) -> dict[str, object]:
    """Return a result without its samples, with the unit and direction of each metric."""
    return {
        "case": case_to_plain(result.case),
        "status": result.status.value,
        "model": plain(result.model),
        "summaries": [_summary_to_plain(summary) for summary in result.summaries],
        "notes": plain(result.notes),
        "workers": plain(result.workers),
        "failure": plain(result.failure),
        "trust": _grade_to_plain(result.grade),
        "headline": list(result.headline),
    }


def _grade_to_plain(grade: Grade | None) -> TrustEntry:
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


def _summary_to_plain(summary: Summary) -> dict[str, object]:
    return {
        "metric": summary.metric,
        "phase": summary.phase,
        "unit": unit_of(summary.metric),
        "better": better_of(summary.metric),
        **{name: value for name, value in plain(summary).items() if name not in ("metric", "phase")},
    }


def result_from_plain(data: ResultEntry) -> BenchmarkResult:
    """Return the result; its samples, memory and scores are None.

    Raises:
        KeyError, TypeError, ValueError: the data are not a result.
    """
    failure = data["failure"]
    return BenchmarkResult(
        case=case_from_plain(data["case"]),
        status=Status(data["status"]),
        summaries=tuple(_summary_from_plain(summary) for summary in data["summaries"]),
        model=dict(data["model"]),
        workers=tuple(data["workers"]),
        notes=tuple(data["notes"]),
        failure=None if failure is None else _build(Failure, failure),
        grade=_grade_from_plain(data.get("trust")),
        headline=tuple(data.get("headline", ())),
    )


def _grade_from_plain(data: TrustEntry | None) -> Grade | None:
    """Return the grade; None if there is none, or it was stored before rules had a version, without its reasons."""
    if data is None or data["grade"] is None:
        return None
    rules = data.get("rules")
    if rules is None:
        return None
    reasons = (_build(Finding, of, severity=Severity[of["severity"].upper()]) for of in data["reasons"])
    return Grade(data["grade"], tuple(reasons), rules)


def _summary_from_plain(data: SummaryEntry) -> Summary:
    quantiles = {name: _build(Estimate, estimate) for name, estimate in data["quantiles"].items()}
    score = data.get("score")
    return _build(
        Summary,
        data,
        quantiles=quantiles,
        score=None if score is None else _build(Estimate, score),
        modes=tuple(_build(Mode, mode) for mode in data.get("modes", ())),
    )


def record_to_plain(record: RunRecord) -> dict[str, object]:
    """Return the record of a run as plain data."""
    data: dict[str, object] = plain(record)
    return data


def record_from_plain(data: RecordDocument) -> RunRecord:
    """Return the record.

    Raises:
        KeyError, TypeError: the data are not a record.
    """
    return _build(RunRecord, data, cases=tuple(data["cases"]))


def spec_from_plain(data: Mapping[str, Any]) -> Spec:
    """Return the spec.

    Raises:
        KeyError, TypeError: the data are not a spec.
        UsageError: this version does not allow a value.
    """
    return _build(
        Spec,
        data,
        models=tuple(data["models"]),
        benchmarks=tuple(data["benchmarks"]),
        setups=tuple(_build(Setup, setup) for setup in data["setups"]),
        axes={name: tuple(values) for name, values in data["axes"].items()},
        limits=_build(Limits, data["limits"]),
    )


def _build(cls: type[T], data: Mapping[str, object], **replaced: object) -> T:
    """Call ``cls`` with the entries that it has fields for; a later version may have added others."""
    names: Iterable[str] = (field.name for field in fields(cls))  # type: ignore[arg-type]
    return cls(**({name: data[name] for name in names if name in data} | replaced))
