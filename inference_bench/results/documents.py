"""Types of the JSON files of a run folder, as they are read; docs/results.md describes every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from inference_bench.facts import Environment
from inference_bench.grade import Finding
from inference_bench.plan import Case
from inference_bench.result import Failure, SloJudgement, Status, Summary
from inference_bench.spec import Setup


class CaseEntry(TypedDict):
    """A case; ``id`` is written so that a reader does not have to compute the digest."""

    id: str
    slug: str
    model: str
    benchmark: str
    setup: Mapping[str, object]
    parameters: Mapping[str, int | str]


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

    grade: Literal["A", "B", "C", "D", "F"] | None
    rules: NotRequired[int | None]
    findings: NotRequired[Sequence[str]]
    reasons: NotRequired[Sequence[Finding]]


class WeightsEntry(TypedDict, total=False):
    """The part of a model's description that every engine gives."""

    source: str | None
    label: str | None
    trained: bool | None
    scale: str | None
    digest: str | None
    revision: str
    commit: str


class ModelEntry(TypedDict, total=False):
    """What a model says of itself; a plugin may say anything besides."""

    weights: WeightsEntry | None


class DecisionEntry(TypedDict, total=False):
    """Why sampling ended."""

    converged: bool
    reason: str
    targets: Mapping[str, object]


class ClockEntry(TypedDict, total=False):
    """What the clock says of itself; it says more than is read."""

    source: str
    reason: str
    resolution_ns: float
    read_cost_ns: float
    suspends: int
    backwards: int
    drift: bool


class WorkerEntry(TypedDict, total=False):
    """One process of a case; ``usage``, ``sampler`` and ``spans`` are counters by name."""

    run: int
    pid: int
    usage: Mapping[str, float | None] | None
    sampler: Mapping[str, object] | None
    spans: Mapping[str, int] | None
    clock: ClockEntry | None
    versions: Mapping[str, str | None] | None
    decision: DecisionEntry | None
    rates: Mapping[str, float]
    load_steps: Sequence[Mapping[str, str | int]]


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as it was stored; its id is that of its time, by which its files are found."""

    id: str
    model: str
    benchmark: str
    setup: Setup
    parameters: Mapping[str, int | str]

    @property
    def case(self) -> Case:
        """The case."""
        return Case(self.model, self.benchmark, self.setup, self.parameters)


class ResultEntry(TypedDict):
    """One case in ``results.json``; the last seven are paths relative to the folder, or None."""

    case: StoredCase
    status: Status
    model: ModelEntry
    summaries: Sequence[Summary]
    notes: Sequence[str]
    workers: Sequence[WorkerEntry]
    failure: Failure | None
    trust: NotRequired[TrustEntry | None]
    headline: NotRequired[Sequence[str]]
    slo: NotRequired[SloJudgement | None]
    floor: NotRequired[Mapping[str, Mapping[str, float]]]
    samples: NotRequired[str | None]
    memory: NotRequired[str | None]
    scores: NotRequired[str | None]
    requests: NotRequired[str | None]
    chunks: NotRequired[str | None]
    server_readings: NotRequired[str | None]
    operations: NotRequired[str | None]


class ResultsDocument(TypedDict):
    """``results.json``."""

    results: Sequence[ResultEntry]


class PlannedEntry(TypedDict):
    """One planned case in ``run.json``."""

    id: str
    slug: NotRequired[str]
    status: NotRequired[str]


class OverlapEntry(TypedDict, total=False):
    """How the next models loaded, and how much of it was hidden."""

    policy: str
    reason: str
    loads_ahead: int
    load_ns: int
    hidden_ns: int
    hideable_ns: int


class RecordDocument(TypedDict):
    """The parts of ``run.json`` whose content ``RunRecord`` leaves open."""

    spec: Mapping[str, object]
    environment: Environment
    clock: NotRequired[ClockEntry]
    overlap: NotRequired[OverlapEntry]
    cases: Sequence[PlannedEntry]


class SideEntry(TypedDict):
    """One side of ``ab.json``."""

    name: str
    run: str


class PairingDocument(TypedDict):
    """The fields of ``ab.json`` that are read; it also holds why measuring stopped, and more."""

    sides: Sequence[SideEntry]
    level: float
