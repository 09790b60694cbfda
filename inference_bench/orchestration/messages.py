"""The messages between the orchestrator and a worker: one dataclass per kind, as JSON objects with a ``kind``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, NotRequired, Self, TypedDict

from inference_bench.errors import ProtocolError
from inference_bench.model.discovery import ModelFile
from inference_bench.model.endpoint.place import EndpointPlace
from inference_bench.model.load_steps import LoadStep
from inference_bench.model.places import Place
from inference_bench.model.weights.references import ConvertedWeights, HubWeights, ResolvedWeights
from inference_bench.plan import Case
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup

Columns = Mapping[str, Sequence[object]]
"""Equally long columns by name, as the classes of ``columns`` describe them."""


class DecisionFacts(TypedDict):
    """Why sampling ended: ``analysis.stopping.Decision`` as plain data."""

    converged: bool
    reason: str
    targets: Mapping[str, bool]


class WorkerFacts(TypedDict):
    """What a worker reports about itself after one case.

    Keys:
        pid: of its process.
        first_case: whether it had measured nothing before.
        load_steps: name, ``begin_ns`` and ``end_ns`` of each step of the load.
        usage: the counters of ``machine.process_usage.Usage`` over the timed windows, or over the case if it has none.
        busy_threads: threads that computed during the timed windows; 0 if it has none.
        waited_ns: how long all threads together waited for a CPU during the windows; None if unknown.
        launcher_ns: in a share, CPU time of its launcher's processes meanwhile, by name; the orchestrator adds it.
        work: what was computed, to compare with other engines: ``Measurement.work``.
        clock: what the native clock says of itself.
        versions: of Python and the packages that matter.
        sampler: statistics of the memory sampler, or None where it did not run.
    """

    pid: int
    first_case: bool
    load_steps: Sequence[Mapping[str, str | int]]
    usage: Mapping[str, int | None]
    busy_threads: int
    waited_ns: int | None
    launcher_ns: NotRequired[Mapping[str, int]]
    work: Mapping[str, object]
    clock: Mapping[str, object]
    versions: Mapping[str, str]
    sampler: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Message:
    """Base class of all messages; ``kind`` names each on the wire."""

    kind: ClassVar[str]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the message with these fields."""
        return cls(**plain)

    def to_plain(self) -> dict[str, object]:
        """Return ``kind`` and the fields; what they hold is left as it is."""
        return {"kind": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Worker: it has booted."""

    kind = "hello"
    version: int
    pid: int
    ready_ns: int


@dataclass(frozen=True, slots=True)
class Load(Message):
    """Orchestrator: load a model.

    Attributes:
        case: the first that will be measured.
        benchmark_file: of that case, or None for an installed benchmark.
        parks: whether the model waits on the host before its copy to the device.
    """

    kind = "load"
    model_file: ModelFile
    setup: Setup
    weights: ResolvedWeights
    case: Case
    benchmark_file: Path | None
    limits: Limits
    parks: bool

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Load:
        """Return the message with these fields."""
        file = plain["model_file"]
        return cls(
            model_file=ModelFile(file["name"], Path(file["path"]), file["title"], _place(file["place"])),
            setup=Setup(**plain["setup"]),
            weights=_weights(plain["weights"]),
            case=_case(plain["case"]),
            benchmark_file=_path(plain["benchmark_file"]),
            limits=Limits(**plain["limits"]),
            parks=plain["parks"],
        )


@dataclass(frozen=True, slots=True)
class Parked(Message):
    """Worker: the model is on the host and waits for its turn."""

    kind = "parked"


@dataclass(frozen=True, slots=True)
class Proceed(Message):
    """Orchestrator, the answer to ``Parked``: its turn has come."""

    kind = "proceed"


@dataclass(frozen=True, slots=True)
class Loaded(Message):
    """Worker: the model is loaded.

    Attributes:
        model: its name, title, license, parameters, ``weights``, and what ``Model.describe`` adds.
        steps: of the load.
    """

    kind = "loaded"
    model: Mapping[str, object]
    steps: Sequence[LoadStep]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Loaded:
        """Return the message with these fields."""
        return cls(model=plain["model"], steps=tuple(LoadStep(**step) for step in plain["steps"]))


@dataclass(frozen=True, slots=True)
class Measure(Message):
    """Orchestrator: measure a case.

    Attributes:
        benchmark_file: the file that measures it, or None for an installed benchmark.
        run: number of the fresh process for this case, from 0.
        breakdown: whether the worker sees afterwards where the time of the case's steps goes.
    """

    kind = "measure"
    case: Case
    benchmark_file: Path | None
    limits: Limits
    run: int = 0
    breakdown: bool = False

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Measure:
        """Return the message with these fields."""
        return cls(
            case=_case(plain["case"]),
            benchmark_file=_path(plain["benchmark_file"]),
            limits=Limits(**plain["limits"]),
            run=plain["run"],
            breakdown=plain["breakdown"],
        )


@dataclass(frozen=True, slots=True)
class CaseProgress(Message):
    """Worker: how far the case is, at most a few times per second and only between iterations.

    Attributes:
        iterations: done so far.
        samples: taken so far.
        medians: by metric that the stopping rule watches; None if unknown.
        widths: relative widths of the medians' intervals, by metric; None if unknown.
        peak_rss_bytes: the most memory that the process has held.
        elapsed_ns: since the timed window opened, or None where there is none.
        total: iterations that there will be, or None if unknown.
    """

    kind = "progress"
    iterations: int
    samples: int
    medians: Mapping[str, float | None]
    widths: Mapping[str, float | None]
    peak_rss_bytes: int
    elapsed_ns: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Window(Message):
    """Worker: a timed window opens, or has closed."""

    kind = "window"
    opens: bool


@dataclass(frozen=True, slots=True)
class Go(Message):
    """Orchestrator, the answer to a window that opens: no other worker disturbs it now."""

    kind = "go"


@dataclass(frozen=True, slots=True)
class Measured(Message):
    """Worker: the case has been measured.

    Attributes:
        samples: columns of ``result.Samples`` without ``run`` and ``loader``.
        scores: columns of ``result.Scores`` without ``run``.
        rates: derived metric → tokens (or items) per duration.
        memory: columns of ``result.MemoryTimeline`` without ``run``, or None where memory was not sampled.
        decision: why sampling ended.
        worker: what the worker reports about itself.
        notes: what lowers the trust in this result.
        requests: columns of ``result.Requests`` without ``run``, in parts; none where nothing was sent to a server.
        chunks: columns of ``result.Chunks`` without ``run``, in parts.
        server_readings: columns of ``result.ServerReadings`` without ``run``, in parts.
        operations: columns of ``result.Operations`` without ``run``; none where no breakdown was asked for.
        interrupted: whether the user stopped the case half-way.
        demands: of the loaded model, as ``model.demands.demands_facts``; empty in further runs, which have the same.
        floor: of this case, metric tag → quantiles, nanoseconds; empty where it was not measured.
    """

    kind = "measured"
    samples: Columns
    scores: Columns
    rates: Mapping[str, float]
    memory: Columns | None
    decision: DecisionFacts
    worker: WorkerFacts
    notes: Sequence[str]
    requests: Sequence[Columns] = field(default_factory=list)
    chunks: Sequence[Columns] = field(default_factory=list)
    server_readings: Sequence[Columns] = field(default_factory=list)
    operations: Columns = field(default_factory=dict)
    floor: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    interrupted: bool = False
    demands: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """Worker: the load or the case failed.

    Attributes:
        cause: one line.
        detail: the traceback.
    """

    kind = "failed"
    status: Status
    cause: str
    detail: str

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Failed:
        """Return the message with these fields."""
        return cls(Status(plain["status"]), plain["cause"], plain["detail"])


@dataclass(frozen=True, slots=True)
class Release(Message):
    """Orchestrator: unload the model and exit."""

    kind = "release"


_KINDS: Mapping[str, type[Message]] = {
    message.kind: message
    for message in (
        Hello,
        Load,
        Parked,
        Proceed,
        Loaded,
        Measure,
        CaseProgress,
        Window,
        Go,
        Measured,
        Failed,
        Release,
    )
}


def message_from(plain: object) -> Message:
    """Return the message that a JSON object holds.

    Raises:
        ProtocolError: it has no ``kind``, an unknown one, or not the fields of its kind.
    """
    if not isinstance(plain, dict) or not isinstance(plain.get("kind"), str):
        raise ProtocolError(f"a message without a kind: {str(plain)[:60]}")
    kind = plain.pop("kind")
    if kind not in _KINDS:
        raise ProtocolError(f"a message of unknown kind {kind!r}")
    try:
        return _KINDS[kind].from_plain(plain)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a malformed message {kind!r}: {type(error).__name__}: {error}") from None


def _case(plain: Mapping[str, Any]) -> Case:
    return Case(plain["model"], plain["benchmark"], Setup(**plain["setup"]), plain["parameters"])


def _weights(plain: Mapping[str, Any]) -> ResolvedWeights:
    converted = plain["converted"]
    if converted is not None:
        converted = ConvertedWeights(**{**converted, "path": Path(converted["path"])})
    paths = {name: _path(plain[name]) for name in ("path", "gguf")}
    return ResolvedWeights(**{**plain, **paths, "converted": converted})


def _place(plain: Mapping[str, Any] | None) -> Place | EndpointPlace | None:
    if plain is None:
        return None
    if "url" in plain:
        return EndpointPlace(**plain)
    hub = plain["hub"]
    return Place(Path(plain["path"]), None if hub is None else HubWeights(**hub), plain["parameters"], plain["commit"])


def _path(plain: str | None) -> Path | None:
    return None if plain is None else Path(plain)
