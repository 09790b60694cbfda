"""The request: models, benchmarks, axes, runs and limits. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.slo import parse_slo
from inference_bench.units import NS_PER_S

DEVICES = ("cpu", "cuda")
"""The kinds of device that come with the package; any other is a plugin."""
DTYPES = ("float32", "bfloat16", "float16", "int8_dynamic")
"""Those of transformers; ``int8_dynamic``: float32, but the linear layers' weights are int8 and their inputs are
quantised per call."""
QUANTIZED = ("int8", "int4", "q8_0", "q4_0", "q4_1", "q4_k_m", "as_stored")
"""Further dtypes, which other engines have: each says which. ``as_stored``: as the numbers are in the file."""
ALL_DTYPES = (*DTYPES, *QUANTIZED)
ENDPOINT, AS_SERVED = "endpoint", "as_served"
"""Device and dtype of a model that a server elsewhere runs: what it runs with is not ours to choose."""
ATTENTIONS = ("auto", "eager", "sdpa", "flash_attention_2")
COMPILE_MODES = ("none", "default", "reduce-overhead", "max-autotune")
OWN_ENGINE = "auto"
"""The engine that a model's own class loads it in."""
ALL_ENGINES = "all"
"""On the command line: every engine, in those of the dtypes asked for that it has, else in its first."""
SETUP_AXES = ("device", "dtype", "threads", "attention", "compile", "engine")
"""The fields of a set-up that accept several values; each value makes one set-up."""
OVERLAPS = ("auto", "freeze", "partition", "off")
"""What may run beside a measured worker; ``orchestration/overlap_policy.py`` describes each."""
PARKS = ("auto", "host", "device")
"""Where a model that was loaded ahead waits for its turn on a GPU; ``auto`` is ``host``."""
ISOLATIONS = ("process", "inline")
"""Where a model runs: in a fresh process, or in the calling one."""
SUITES = ("performance", "accuracy", "full")
"""Each benchmark declares which of these it belongs to."""

DEFAULT_BENCHMARKS = ("inference_speed", "memory_usage")
"""A first result in two minutes; a suite takes as long as all of its benchmarks."""

ENGINE_BENCHMARKS = (*DEFAULT_BENCHMARKS, "agreement")
"""The same of several engines, whose figures mean little unless they compute the same."""

ENDPOINT_BENCHMARKS = ("inference_speed", "serving_load")
"""The same of an endpoint, whose memory is elsewhere."""

SURVEY_BUDGET_NS = NS_PER_S
"""Budget per case if all models are asked for: an overview in minutes, whose rows say which are not precise."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter with its default values.

    Attributes:
        name: spelling on the command line and in every file.
        default: the values used when none are given.
        minimum: smallest allowed value of an integer axis.
        help: one line for ``--help`` and ``list``.
    """

    name: str
    default: tuple[int | str, ...]
    minimum: int = 1
    help: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop sampling a case.

    Attributes:
        min_samples: never stop before this many samples of each target metric.
        warmup_iterations: iterations kept but flagged, after the cold one.
        relative_width: wanted width of the median's 95 % interval over the median; with several processes, of the
            interval over their medians.
        budget_ns: stop sampling in a process after this long, with ``converged=false``.
        max_samples: an upper bound on the samples of one metric, so that memory is bounded.
        silence_ns: a worker that sends nothing for this long counts as hung; at least the length of one iteration.
        load_ns: a load that takes longer is stopped; the time that a loader is frozen does not count.
        case_ns: a case that takes longer in one process is stopped.
    """

    min_samples: int = 30
    warmup_iterations: int = 2
    relative_width: float = 0.02
    budget_ns: int = 25 * NS_PER_S
    max_samples: int = 100_000
    silence_ns: int = 300 * NS_PER_S
    load_ns: int = 3600 * NS_PER_S
    case_ns: int = 4 * 3600 * NS_PER_S

    def __post_init__(self) -> None:
        for name in ("min_samples", "budget_ns", "max_samples", "silence_ns", "load_ns", "case_ns"):
            if getattr(self, name) < 1:
                raise InvalidValueError(name.replace("_", " "), getattr(self, name), "a positive whole number")
        if self.warmup_iterations < 0:
            raise InvalidValueError("warm-up iterations", self.warmup_iterations, "zero or more")
        if not 0 < self.relative_width < 1:
            raise InvalidValueError("relative width", self.relative_width, "a fraction between 0 and 1, such as 0.02")


@dataclass(frozen=True, slots=True)
class Setup:
    """How a model is loaded: the settings that need a fresh load to change.

    Attributes:
        device: a kind of device, ``cpu`` or ``cuda``, or one of that kind, ``cuda:N``.
        dtype: one of ``DTYPES`` or, of other engines, ``QUANTIZED``.
        threads: intra-op threads of the framework.
        attention: implementation of attention, one of ``ATTENTIONS``; ``auto`` leaves it to the framework.
        compile: mode of ``torch.compile``, one of ``COMPILE_MODES``; ``none`` does not compile.
        weights: a source name (``auto``, ``cache``, ``hub``, ``package``, ``random``, ``any``) or a local path.
        scale: ``full``, or ``reduced`` for a smaller model of the same architecture (random weights only).
        seed: seed of every random generator.
        engine: what runs the weights, a name of ``list engines``; ``auto`` for the model's own.
    """

    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    attention: str = "auto"
    compile: str = "none"
    weights: str = "auto"
    scale: str = "full"
    seed: int = 0
    engine: str = OWN_ENGINE

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InvalidValueError("threads", self.threads, "a whole number of at least 1")
        if self.dtype not in (*ALL_DTYPES, AS_SERVED):
            raise UnknownNameError("dtype", self.dtype, ALL_DTYPES)
        if self.attention not in ATTENTIONS:
            raise UnknownNameError("attention", self.attention, ATTENTIONS)
        if self.compile not in COMPILE_MODES:
            raise UnknownNameError("compile mode", self.compile, COMPILE_MODES)
        if self.scale not in ("full", "reduced"):
            raise UnknownNameError("scale", self.scale, ("full", "reduced"))
        if self.scale == "reduced" and self.weights != "random":
            raise InvalidValueError("scale", self.scale, "weights 'random' with it", "Add --weights random.")


def setups_as_served(setups: Iterable[Setup]) -> tuple[Setup, ...]:
    """Return the set-ups of a model that a server elsewhere runs: of those asked for only the seed concerns it."""
    seeds = dict.fromkeys(setup.seed for setup in setups)
    return tuple(Setup(device=ENDPOINT, dtype=AS_SERVED, weights="none", seed=seed) for seed in seeds)


@dataclass(frozen=True, slots=True)
class Spec:
    """The request.

    Attributes:
        models: names of models.
        benchmarks: names of benchmarks, in the order of measuring; none with a suite.
        setups: the ways each model is loaded.
        axes: values given for benchmark axes, by axis name; an axis that is absent takes its default.
        runs: fresh processes per case, at most; inference is over runs.
        least_runs: a case that is precise enough after this many processes gets no further one; None for ``runs``.
        time_ns: once this long has passed, no case gets a further process beyond its least number; None for no limit.
        limits: when to stop sampling a case.
        suite: one of ``SUITES``, instead of benchmarks: those that each model has for it.
        overlap: one of ``OVERLAPS``: how the next workers load while another is measured.
        lookahead: how many workers may load ahead.
        park: one of ``PARKS``: before or after the copy to the device.
        isolation: one of ``ISOLATIONS``. ``inline`` measures in the calling process: it is not fresh, it cannot be
            killed, and benchmarks that need a process of their own do not apply.
        slos: objectives that each case with requests is judged by, as ``slo.parse_slo`` reads them.
        breakdown: whether a pass of its own after each case sees where the time of its steps goes.
    """

    models: tuple[str, ...]
    benchmarks: tuple[str, ...] = ()
    setups: tuple[Setup, ...] = (Setup(),)
    axes: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    runs: int = 1
    limits: Limits = field(default_factory=Limits)
    suite: str | None = None
    overlap: str = "auto"
    lookahead: int = 1
    park: str = "auto"
    isolation: str = "process"
    least_runs: int | None = None
    time_ns: int | None = None
    slos: tuple[str, ...] = ()
    breakdown: bool = False

    def __post_init__(self) -> None:
        if self.runs < 1:
            raise InvalidValueError("runs", self.runs, "a whole number of at least 1")
        if self.least_runs is not None and not 1 <= self.least_runs <= self.runs:
            raise InvalidValueError("least runs", self.least_runs, f"a whole number from 1 to runs ({self.runs})")
        if self.time_ns is not None and self.time_ns < 1:
            raise InvalidValueError("time", self.time_ns, "a positive whole number of nanoseconds")
        if not self.models:
            raise InvalidValueError("models", "none", "at least one", "`list models` shows them.")
        if self.overlap not in OVERLAPS:
            raise UnknownNameError("overlap", self.overlap, OVERLAPS)
        if self.park not in PARKS:
            raise UnknownNameError("park", self.park, PARKS)
        if self.isolation not in ISOLATIONS:
            raise UnknownNameError("isolation", self.isolation, ISOLATIONS)
        if self.isolation == "inline" and self.runs > 1:
            raise InvalidValueError("runs", self.runs, "1 with isolation inline", "Every run would be this process.")
        if self.lookahead < 0:
            raise InvalidValueError("lookahead", self.lookahead, "a whole number of at least 0")
        if self.suite is not None and self.suite not in SUITES:
            raise UnknownNameError("suite", self.suite, SUITES)
        if bool(self.benchmarks) == (self.suite is not None):
            given = "both" if self.benchmarks else "none"
            raise InvalidValueError("benchmarks and suite", given, "one of the two", "`list benchmarks` shows them.")
        for slo in self.slos:
            parse_slo(slo)
