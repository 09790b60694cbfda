"""The data of a measurement: samples, summaries, and the result that holds them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference_bench.grade import Grade
    from inference_bench.plan import Case

SCHEMA_VERSION = 1
"""Version of the run folder's schema; docs/results.md holds its history."""


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
        """Whether the command exits with 1 because of this status."""
        return self not in (Status.OK, Status.NOT_APPLICABLE)


class Stage(StrEnum):
    """The stage of a measurement that a sample comes from; summaries use ``measured`` ones only."""

    COLD = "cold"
    WARMUP = "warmup"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw observations of one case as equally long columns.

    Attributes:
        run: int32, the fresh process, from 0.
        iteration: int32, the iteration within the run, from 0 (the cold one).
        step: int32, position within the iteration (a decode step), or -1.
        metric: str, tag of a sampled metric.
        phase: str, ``prefill``, ``decode``, ``load`` … or empty for the whole.
        stage: str, a ``Stage`` value.
        start_ns: int64, start of the interval on CLOCK_MONOTONIC_RAW; -1 if the sample has no time.
        value: int64, nanoseconds or bytes, by the metric's unit.
        loader: str, state of the next worker meanwhile: ``none`` if there was none, ``still`` (frozen or loaded) or
            ``running``; empty if the sample has no time.
        interference: str, what interrupted its iteration: ``preempted``, ``disk``, ``gc``, joined by ``+``; empty if
            nothing did or it was not recorded.
    """

    run: NDArray[np.int32]
    iteration: NDArray[np.int32]
    step: NDArray[np.int32]
    metric: NDArray[np.str_]
    phase: NDArray[np.str_]
    stage: NDArray[np.str_]
    start_ns: NDArray[np.int64]
    value: NDArray[np.int64]
    loader: NDArray[np.str_]
    interference: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one case as equally long columns, one row per item and metric.

    Attributes:
        run: int32, the fresh process, from 0.
        task: str, the data set or question that the item belongs to.
        item: str, name of the item within its task; the same in every run and configuration.
        metric: str, tag of a scored metric.
        value: float64, in the metric's unit.
        weight: float64, weight of the item in a mean: 1, or for example its bytes.
        detail: str, JSON of what led to the score (answer given, answer expected …), or empty.
    """

    run: NDArray[np.int32]
    task: NDArray[np.str_]
    item: NDArray[np.str_]
    metric: NDArray[np.str_]
    value: NDArray[np.float64]
    weight: NDArray[np.float64]
    detail: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, slots=True)
class MemoryTimeline:
    """The memory sampler's columns, on the clock of the samples.

    Attributes:
        run: int32, the fresh process, from 0.
        time_ns: int64, CLOCK_MONOTONIC_RAW.
        phase: str, the phase at that time.
        rss_bytes: int64.
        cgroup_bytes: int64, -1 if it could not be read (null in files).
        probe_cost_ns: int64, time that this reading took.
    """

    run: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    phase: NDArray[np.str_]
    rss_bytes: NDArray[np.int64]
    cgroup_bytes: NDArray[np.int64]
    probe_cost_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantile with its interval.

    Attributes:
        value: the sample quantile ``sorted[ceil(n p) - 1]``; None if ``n`` cannot support it.
        low: lower end of the interval, or None if ``n`` is too small.
        high: upper end of the interval, or None if ``n`` is too small.
        method: how the interval was computed; empty without one.
        needs: samples that a two-sided interval of this quantile needs, if there are fewer; else None.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str = ""
    needs: int | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """A group of samples around one value.

    Attributes:
        value: median of its samples, in the metric's unit.
        share: fraction of all samples that are in it.
    """

    value: float
    share: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of one metric in one phase of one case, over the measured samples.

    Attributes:
        metric: tag.
        phase: as in ``Samples``; the task of a scored metric.
        n: number of measured samples, or items.
        runs: number of fresh processes they come from.
        scope: ``run`` if the intervals describe one process only, ``runs`` if they describe fresh processes.
        level: confidence level of the intervals.
        cold: the first run's cold observation, or None.
        minimum: smallest sample.
        maximum: largest sample.
        mean: arithmetic mean.
        quantiles: ``p50``, ``p90``, ``p95``, ``p99``, ``p99.9``; none for a scored metric.
        autocorrelation: lag-1, of the samples' ranks in order of time; None under 3 samples.
        effective_n: number of independent samples that carry as much information, given the autocorrelation.
        outliers_mild: number beyond 1.5 and up to 3 interquartile ranges on the log scale; included in all statistics.
        outliers_severe: number beyond 3.
        converged: whether the stopping rule was met.
        stop_reason: why sampling stopped.
        score: mean (or maximum) of a scored metric over the items, with its interval; else None.
        steadiness: value of ``steady_state.Steadiness`` of the least steady run; empty if unknown.
        modes: groups of samples in the run that has most of them; empty if unknown.
        interfered: number of samples in iterations that the kernel or the garbage collector interrupted.
        outliers_interfered: number of severe outliers among them.
        beside_loader: number of samples taken while another model loaded on other CPUs.
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
        """The score of a scored metric, else the median."""
        return self.score or self.quantiles.get("p50") or Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case has no result.

    Attributes:
        cause: one line.
        detail: traceback of the worker, or empty.
        stderr_tail: last lines of the worker's stderr.
        exit_status: the worker's exit code, negative for a signal; None if it was still alive.
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
        samples: raw observations, or None.
        memory: the sampler's timeline, or None.
        scores: the items' scores, or None.
        model: the model's description of itself: title, parameters, ``weights`` (source, label, trained, digest).
        workers: one entry per run: process, versions, load steps, CPU time over wall time, faults, context switches.
        notes: remarks of the benchmark on this result, one sentence each.
        failure: why the result is missing or incomplete, or None.
        grade: how far it can be believed, judged when the case ended; None before that, and if it does not apply.
    """

    case: Case
    status: Status
    summaries: tuple[Summary, ...] = ()
    samples: Samples | None = None
    memory: MemoryTimeline | None = None
    scores: Scores | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    workers: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    grade: Grade | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The content of ``run.json``: how the cases were measured.

    Attributes:
        id: name of the run's folder.
        created_utc: ISO 8601, UTC.
        spec: what was asked for, as plain data.
        environment: the machine and the software, as ``machine.environment.describe_environment`` returns them.
        clock: the clock's description of itself.
        overlap: the policy of loading ahead, its reason, and how much of the loading it hid, in nanoseconds.
        floor: metric tag → quantiles of the null model through the same path, nanoseconds.
        cases: one entry per planned case: id, slug, status (``pending`` until it ends).
        finished: whether the whole plan was carried out.
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
