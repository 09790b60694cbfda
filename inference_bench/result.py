"""Samples, summaries and the result of a case. Data only, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from inference_bench.ceilings import Ceilings
from inference_bench.columns import (
    ChunkColumns,
    MemoryColumns,
    OperationColumns,
    RequestColumns,
    SampleColumns,
    ScoreColumns,
    ServerColumns,
)
from inference_bench.provenance.record import Provenance

if TYPE_CHECKING:
    from inference_bench.grade import Grade
    from inference_bench.plan import Case

SCHEMA_VERSION = 1
"""Version of the schema of run folders; docs/results.md lists all versions."""


CLIENT_LIMIT = "INVALID: the client was the limit: "
"""Beginning of a note on a load whose client, not the server, set the pace."""

CLIENT_HELD_UP = "the client was held up: "
"""Beginning of a note on a load whose client was held up without setting the pace."""

CLIENT_RULES = frozenset({"off_schedule", "client_limit", "client_held_up"})
"""Rules of trust on the client of a load."""


class Status(StrEnum):
    """How a case ended."""

    OK = "ok"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OOM = "oom"
    NOT_APPLICABLE = "not_applicable"
    INTERRUPTED = "interrupted"

    @property
    def is_finding(self) -> bool:
        """Whether the command exits with 1 for this status."""
        return self not in (Status.OK, Status.NOT_APPLICABLE)


class Stage(StrEnum):
    """Stage of the iteration of a sample; only ``measured`` samples enter a summary."""

    COLD = "cold"
    WARMUP = "warmup"
    MEASURED = "measured"


class Samples(SampleColumns):
    """Raw observations of one case."""

    __slots__ = ()


class MemoryTimeline(MemoryColumns):
    """Readings of the memory sampler during one case."""

    __slots__ = ()


class Scores(ScoreColumns):
    """Scores of the items of one case."""

    __slots__ = ()


class Requests(RequestColumns):
    """Requests to a server, of one case."""

    __slots__ = ()


class Chunks(ChunkColumns):
    """What arrived of the answers to the requests of one case."""

    __slots__ = ()


class ServerReadings(ServerColumns):
    """Readings of a server's own metrics during the loads of one case."""

    __slots__ = ()


class Operations(OperationColumns):
    """Steps, modules and operators of the breakdown of one case."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantile with its interval.

    Attributes:
        value: the sample quantile ``sorted[ceil(n p) - 1]``; None if ``n`` is too small for it.
        low: lower end of the interval, or None if ``n`` is too small.
        high: upper end of the interval, or None if ``n`` is too small.
        method: method of the interval; empty if there is no interval.
        needs: samples that a two-sided interval of this quantile needs, if there are fewer; else None.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str = ""
    needs: int | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of a distribution.

    Attributes:
        value: median of its samples, in the unit of the metric.
        share: fraction of all samples that belong to it.
    """

    value: float
    share: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of one metric in one phase of one case, over the measured samples.

    Attributes:
        metric: tag.
        phase: as in ``Samples``; of a scored metric the task.
        n: measured samples, or items.
        runs: fresh processes that they come from.
        scope: what the intervals hold for: this one process (``run``), fresh processes (``runs``) or items (``items``).
        level: confidence level of the intervals.
        cold: cold observation of the first run, or None.
        minimum: smallest sample.
        maximum: largest sample.
        mean: arithmetic mean.
        quantiles: ``p50``, ``p90``, ``p95``, ``p99``, ``p99.9``; none for a scored metric.
        autocorrelation: lag 1, of the ranks of the samples in order of time; None below 3 samples.
        effective_n: number of independent samples with the same information, given the autocorrelation.
        outliers_mild: beyond 1.5 and up to 3 interquartile ranges on the log scale; included in all statistics.
        outliers_severe: beyond 3.
        converged: whether the stopping rule was met.
        stop_reason: why sampling stopped.
        score: mean (or maximum) of a scored metric over the items, with its interval; None for a sampled metric.
        steadiness: value of ``steady_state.Steadiness`` of the least steady run; empty if unknown.
        modes: modes of the run that has most; empty if unknown.
        interfered: samples of iterations in which the kernel or the garbage collector interfered.
        outliers_interfered: severe outliers among those samples.
        beside_loader: samples taken while another model loaded on other processors.
    """

    metric: str
    phase: str
    n: int
    runs: int
    scope: str
    level: float
    cold: float | None
    minimum: float
    maximum: float
    mean: float
    quantiles: Mapping[str, Estimate]
    autocorrelation: float | None
    effective_n: float
    outliers_mild: int
    outliers_severe: int
    converged: bool
    stop_reason: str
    score: Estimate | None = None
    steadiness: str = ""
    modes: tuple[Mode, ...] = ()
    interfered: int = 0
    outliers_interfered: int = 0
    beside_loader: int = 0

    @property
    def headline(self) -> Estimate:
        """Main figure of this summary: the score of a scored metric, else the median."""
        return self.score or self.quantiles.get("p50") or Estimate(None, None, None)


class SloOutcome(StrEnum):
    """Whether an objective is met."""

    PASS = "PASS"
    FAIL = "FAIL"
    OPEN = "NOT ENOUGH DATA"


@dataclass(frozen=True, slots=True)
class SloVerdict:
    """One objective, judged by the requests of a case.

    Attributes:
        slo: the objective, as it is written.
        outcome: whether it is met.
        requests: measured requests.
        good: requests that are known to be good.
        unknown: requests of which it is unknown whether they are good.
        worth: number of independent requests that vary as much.
        asked: share of requests that must be good.
        least: 95 % lower bound of the share of good requests.
        most: upper bound of that share; the objectives of a case share its 5 %.
        value_ns: the quantile that the objective names; None without one, or if it is that of a failed request.
        reason: why there is neither PASS nor FAIL; empty if there is.
    """

    slo: str
    outcome: SloOutcome
    requests: int
    good: int
    unknown: int
    worth: float
    asked: float
    least: float
    most: float
    value_ns: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SloJudgement:
    """All objectives, judged by the requests of a case.

    Attributes:
        verdicts: one per objective.
        goodput: requests per second that meet all objectives.
        requests: measured requests.
        growth: how the queue grew, a sentence without an end; empty if it did not.
    """

    verdicts: tuple[SloVerdict, ...]
    goodput: Estimate
    requests: int
    growth: str = ""

    @property
    def outcome(self) -> SloOutcome:
        """FAIL if an objective fails, PASS if all pass."""
        found = {verdict.outcome for verdict in self.verdicts}
        return next(each for each in (SloOutcome.FAIL, SloOutcome.OPEN, SloOutcome.PASS) if each in found)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case has no result.

    Attributes:
        cause: one line.
        detail: traceback of the worker, or empty.
        stderr_tail: last lines that the worker printed.
        exit_status: exit code of the worker, negative for a signal; None if it was still alive.
    """

    cause: str
    detail: str = ""
    stderr_tail: str = ""
    exit_status: int | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Everything known about one case.

    Attributes:
        case: what was measured.
        status: how it ended.
        summaries: one per metric and phase.
        samples: raw observations, or None where there are none.
        memory: the sampler's timeline, or None.
        scores: the items' scores, or None.
        requests: the requests to a server, or None.
        chunks: what arrived of the answers, or None.
        server_readings: the server's own metrics during the loads, or None.
        operations: where the time of its steps goes, or None.
        model: what the model says of itself: title, parameters, ``weights`` (source, label, trained, digest).
        workers: one entry per run: process, versions, load steps, CPU time over wall time, faults, context switches.
        notes: remarks of the benchmark on this result, one sentence each.
        failure: why there is no (whole) result, or None.
        grade: how far to believe it, judged when the case ended; None before that, and if the case does not apply.
        headline: tags of the benchmark's headline metrics, in order; empty in runs stored before they were recorded.
        slo: the objectives of the run, judged by this case's requests; None without objectives or without requests.
        floor: what the same load on a null server took, metric tag → quantiles, nanoseconds; empty where the floor of
            the run holds.
    """

    case: Case
    status: Status
    summaries: tuple[Summary, ...] = ()
    samples: Samples | None = None
    memory: MemoryTimeline | None = None
    scores: Scores | None = None
    requests: Requests | None = None
    chunks: Chunks | None = None
    server_readings: ServerReadings | None = None
    operations: Operations | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    workers: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    grade: Grade | None = None
    headline: tuple[str, ...] = ()
    slo: SloJudgement | None = None
    floor: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def random_weights(self) -> str:
        """``random`` or ``random, reduced`` if that is what was measured; empty for any other weights.

        A case does not tell with ``--weights any``, so figures of a case are the same only if this is, too.
        """
        weights: Mapping[str, Any] = self.model.get("weights") or {}
        if weights.get("source", self.case.setup.weights) != "random":
            return ""
        reduced = weights.get("scale", self.case.setup.scale) == "reduced"
        return "random, reduced" if reduced else "random"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Content of ``run.json``: how the cases were measured.

    Attributes:
        id: name of the folder of the run.
        created_utc: start of the run, ISO 8601, UTC.
        spec: what was asked for, as plain data.
        environment: the machine and the software, as plain data.
        clock: source, resolution and reading cost of the clock.
        overlap: policy of loading ahead, its reason, and the loading time that it hid, nanoseconds.
        floor: harness floor, metric tag → quantiles of the null model on the same path, nanoseconds.
        cases: one entry per planned case: id, slug, status (``pending`` until it has ended).
        finished: whether the whole plan was carried out.
        provenance: where the run comes from: commit, command line, host, and the user's marks.
        ceilings: of the machine's devices, those that were known when the run began; none in old runs.
    """

    id: str
    created_utc: str
    spec: Mapping[str, Any]
    environment: Mapping[str, Any]
    clock: Mapping[str, Any] = field(default_factory=dict)
    overlap: Mapping[str, Any] = field(default_factory=dict)
    floor: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    cases: tuple[Mapping[str, Any], ...] = ()
    finished: bool = False
    provenance: Provenance = field(default_factory=Provenance)
    ceilings: tuple[Ceilings, ...] = ()
