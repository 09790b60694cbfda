"""What a measurement yields: samples, summaries and the result that holds them. Data only, no torch."""

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
        """Whether this status makes the command exit with 1."""
        return self not in (Status.OK, Status.NOT_APPLICABLE)


class Stage(StrEnum):
    """What a sample may be used for: only ``measured`` ones enter a summary."""

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
        start_ns: int64, when the interval began, on CLOCK_MONOTONIC_RAW; -1 where that has no meaning.
        value: int64, nanoseconds or bytes, as the metric's unit says.
        loader: str, what the next worker did meanwhile: ``none`` existed, it was ``still`` (frozen or loaded), or it
            was ``running``; empty where the sample has no time.
        interference: str, what came between in its iteration: ``preempted``, ``disk``, ``gc``, joined by ``+``; empty
            where nothing did, or nobody looked.
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
    """Scores of one case, one row for each item and metric, as equally long columns.

    Attributes:
        run: int32, the fresh process, from 0.
        task: str, the data set or question that the item belongs to.
        item: str, names the item within its task; the same in every run and configuration.
        metric: str, tag of a scored metric.
        value: float64, in the metric's unit.
        weight: float64, what the item counts for in a mean: 1, or such as its bytes.
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
    """The sampler's columns, on the clock of the samples.

    Attributes:
        run: int32, the fresh process, from 0.
        time_ns: int64, CLOCK_MONOTONIC_RAW.
        phase: str, phase in force.
        rss_bytes: int64.
        cgroup_bytes: int64, -1 where it could not be read (null in files).
        probe_cost_ns: int64, what this reading cost.
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
        value: the sample quantile ``sorted[ceil(n p) - 1]``; None where ``n`` cannot support it.
        low: lower end of the interval, or None where ``n`` is too small.
        high: upper end of the interval, or None where ``n`` is too small.
        method: how the interval was made; empty where there is none.
        needs: samples that a two-sided interval of this quantile needs, where there are fewer; else None.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str = ""
    needs: int | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """A place where samples gather.

    Attributes:
        value: median of its samples, in the metric's unit.
        share: its samples, of all.
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
        runs: fresh processes they come from.
        scope: ``run`` if the intervals speak of this one process only, ``runs`` if of fresh processes.
        level: confidence level of the intervals.
        cold: the first run's cold observation, or None.
        minimum: smallest sample.
        maximum: largest sample.
        mean: arithmetic mean.
        quantiles: ``p50``, ``p90``, ``p95``, ``p99``, ``p99.9``; none for a scored metric.
        autocorrelation: lag-1, of the samples' ranks in order of time; None under 3 samples.
        effective_n: samples that independent ones would have to be, given the autocorrelation.
        outliers_mild: beyond 1.5 and up to 3 interquartile ranges on the log scale, still counted in everything.
        outliers_severe: beyond 3.
        converged: whether the stopping rule was met.
        stop_reason: why sampling stopped.
        score: of a scored metric, its mean (or largest) over the items, with its interval; else None.
        steadiness: value of ``steady_state.Steadiness``, the least steady of its runs; empty where unknown.
        modes: places where samples gather, of the run that has most; empty where unknown.
        interfered: samples of iterations in which the kernel or the garbage collector interfered.
        outliers_interfered: of the severe outliers, those among them.
        beside_loader: samples that were taken while another model loaded, on processors of its own.
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
        """The figure that stands for this summary: of a scored metric its score, else the median."""
        return self.score or self.quantiles.get("p50") or Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case has no result.

    Attributes:
        cause: one line.
        detail: traceback of the worker, or empty.
        stderr_tail: last lines that the worker printed.
        exit_status: the worker's exit code, negative for a signal, or None while it lived.
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
        model: what the model says of itself: title, parameters, ``weights`` (source, label, trained, digest).
        workers: one entry per run: process, versions, load steps, CPU time over wall time, faults, context switches.
        notes: remarks of the benchmark on this result, one sentence each.
        failure: why there is no (whole) result, or None.
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
    """What ``run.json`` holds: how the cases were measured.

    Attributes:
        id: name of the run's folder.
        created_utc: ISO 8601, UTC.
        spec: what was asked for, as plain data.
        environment: the machine and the software, as plain data.
        clock: the clock's description of itself.
        overlap: the policy of loading ahead, why, and how much of the loading it hid, nanoseconds.
        floor: metric tag → quantiles of the null model through the same path, nanoseconds.
        cases: one entry per planned case: id, slug, status (``pending`` until it ended).
        finished: whether the plan was carried out to its end.
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
