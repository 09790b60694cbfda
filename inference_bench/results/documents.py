"""Types of the JSON files of a run folder, as they are read; docs/results.md describes every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict


class CaseEntry(TypedDict):
    """A case; ``id`` is written so that a reader does not have to compute the digest."""

    id: str
    slug: str
    model: str
    benchmark: str
    setup: Mapping[str, object]
    parameters: Mapping[str, int | str]


class SummaryEntry(TypedDict):
    """The fields of ``Summary`` that hold other dataclasses; the other fields are as they are there."""

    quantiles: Mapping[str, Mapping[str, object]]
    score: NotRequired[Mapping[str, object] | None]
    modes: NotRequired[Sequence[Mapping[str, object]]]


class FindingEntry(TypedDict):
    """The fields of ``Finding``; the severity is its name in lower case. Old runs lack the cause."""

    code: str
    severity: str
    evidence: str
    consequence: str
    remedy: str
    cause: NotRequired[str]


class TrustEntry(TypedDict):
    """A grade; ``rules`` and ``reasons`` are missing if it was stored before rules had a version."""

    grade: str | None
    rules: NotRequired[int | None]
    findings: Sequence[str]
    reasons: NotRequired[Sequence[FindingEntry]]


class ResultEntry(TypedDict):
    """One case in ``results.json``; the last three are paths relative to the folder, or None."""

    case: CaseEntry
    status: str
    model: Mapping[str, object]
    summaries: Sequence[SummaryEntry]
    notes: Sequence[str]
    workers: Sequence[Mapping[str, object]]
    failure: Mapping[str, object] | None
    trust: NotRequired[TrustEntry]
    headline: NotRequired[Sequence[str]]
    samples: NotRequired[str | None]
    memory: NotRequired[str | None]
    scores: NotRequired[str | None]


class ResultsDocument(TypedDict):
    """``results.json``."""

    schema_version: int
    run: str
    results: Sequence[ResultEntry]


class RecordDocument(TypedDict):
    """``run.json``: the fields of ``RunRecord`` and the schema version."""

    schema_version: int
    cases: Sequence[Mapping[str, object]]


class SideEntry(TypedDict):
    """One side of ``ab.json``."""

    name: str
    run: str


class PairingDocument(TypedDict):
    """The fields of ``ab.json`` that are read; it also holds why measuring stopped, and more."""

    sides: Sequence[SideEntry]
    level: float
