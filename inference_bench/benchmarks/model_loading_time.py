"""Time to a model's first answer by step, in fresh processes, with its files in the page cache or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from inference_bench._native import now_ns
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._call_checks import check_runs
from inference_bench.benchmarks._calls import call_of, inputs_of, with_call_axes
from inference_bench.benchmarks._lengths import fitting
from inference_bench.errors import NotApplicableError, UnknownNameError
from inference_bench.machine.page_cache import cached_bytes, evict, fill
from inference_bench.spec import Axis
from inference_bench.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.load_steps import LoadStep
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_PAGE_CACHE = ("warm", "cold")

_TOLERANCE = 0.01
"""Tolerated share of the files that is in the page cache for a cold start, or missing for a warm one."""


class ModelLoadingTimeBenchmark(Benchmark):
    """Time the boot of a process, each step of loading, and the first call.

    ``page_cache`` concerns the weights' files only, not Python or the framework. ``total`` is boot, load and first
    call, without the harness's work between them. For a compiled model the phase ``compile`` is the difference between
    the first call and the second.
    """

    title = "Model loading time"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("page_cache", _PAGE_CACHE, help="whether the files of the weights lie in memory before: warm or cold"),
        Axis("input_length", (32,), help="tokens of the first call's prompt"),
    )
    headline = ("load_time",)
    own_process = True
    processes = 3

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with a length that the model supports."""
        return with_call_axes(fitting(cls.axes, model), model)

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a cold start without files, and a model that can neither generate, encode nor be called."""
        if case.parameters["page_cache"] not in _PAGE_CACHE:
            raise UnknownNameError("page_cache", str(case.parameters["page_cache"]), _PAGE_CACHE)
        check_runs(model, case)
        source = case.setup.weights
        if case.parameters["page_cache"] == "cold" and (not model.loads_weights(source) or source == "random"):
            raise NotApplicableError(_NO_FILES)

    def before_load(self, case: Case, measurement: Measurement) -> None:
        """Load the weights' files into the page cache, or evict them, and record what it then holds."""
        weights = measurement.weights
        if weights is not None and weights.source == "random" and case.setup.weights != "random":
            raise NotApplicableError(_STAND_IN)
        path = None if weights is None else weights.path
        cold = case.parameters["page_cache"] == "cold"
        if path is None:
            if cold:
                raise NotApplicableError(_NO_FILES)
            return
        files = [file for file in sorted(path.iterdir()) if file.is_file()]
        for file in files:
            (evict if cold else fill)(file)
        _record_cached(files, cold, measurement)

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Record the steps of the load, then time the first call."""
        call = _call_of(model, case)
        times_ns = step_times_ns(measurement.load_steps)
        begin_ns = now_ns()
        call()
        times_ns["first_call"] = now_ns() - begin_ns
        if case.setup.compile != "none":
            again_ns = now_ns()
            call()
            times_ns["compile"] = max(times_ns["first_call"] - (now_ns() - again_ns), 0)
        times_ns["total"] = times_ns["first_call"] + _boot_and_load_ns(measurement.load_steps)
        for phase, time_ns in times_ns.items():
            measurement.once().record("load_time", time_ns, phase=phase)


_NO_FILES = "a cold start needs weights in files, and there are none"
_STAND_IN = "random weights replace the unavailable ones, so their loading time says nothing"


def step_times_ns(steps: Sequence[LoadStep]) -> dict[str, int]:
    """Return the duration of each step in order; steps with the same name are added."""
    times_ns: dict[str, int] = {}
    for step in steps:
        times_ns[step.name] = times_ns.get(step.name, 0) + step.end_ns - step.begin_ns
    return times_ns


def _boot_and_load_ns(steps: Sequence[LoadStep]) -> int:
    """Return the time from process start to readiness plus that from the load's first step to its last."""
    boot, *load = steps
    return boot.end_ns - boot.begin_ns + (load[-1].end_ns - load[0].begin_ns if load else 0)


def _call_of(model: Model, case: Case) -> Callable[[], object]:
    """Return the model's shortest whole call: to the first token, to the vector, or of its inputs."""
    if not model.reads_text():
        return call_of(model, inputs_of(model, case))
    length = case.integer("input_length")
    if "generate" in model.abilities:
        generator = model.generator()
        prompt = generator.prompt(length)
        return lambda: generator.prefill(prompt)
    encoder = model.encoder()
    text = encoder.prompt(length)
    return lambda: encoder.encode(text)


def _record_cached(files: Sequence[Path], cold: bool, measurement: Measurement) -> None:
    found = [cached_bytes(file) for file in files]
    cached = sum(size for size in found if size is not None)
    size = sum(file.stat().st_size for file in files)
    if None in found:
        measurement.notes.append("the kernel does not report which parts of the weights' files are in the page cache")
        return
    measurement.once().record("weights_cached", cached, phase="before_load")
    if cold and cached > _TOLERANCE * size:
        measurement.notes.append(
            f"not a cold start: {format_bytes(cached)} of {format_bytes(size)} could not be evicted from the page cache"
        )
    if not cold and cached < (1 - _TOLERANCE) * size:
        measurement.notes.append(
            f"not a warm start: the page cache holds {format_bytes(cached)} of {format_bytes(size)} of the weights"
        )
