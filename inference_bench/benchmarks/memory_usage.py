"""Memory of a model by phase (load; prefill and decode, forward, or call), in a separate pass and process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from inference_bench._native import MemorySampler, rss_bytes
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.benchmarks._call_checks import check_runs
from inference_bench.benchmarks._calls import call_of, inputs_of, with_call_axes
from inference_bench.benchmarks._described import whole_number
from inference_bench.benchmarks._lengths import fitting
from inference_bench.errors import NotApplicableError
from inference_bench.machine.device_memory import DeviceMemory, read_device_memory, reset_device_peak
from inference_bench.spec import Axis
from inference_bench.units import NS_PER_MS, format_bytes

if TYPE_CHECKING:
    from inference_bench.benchmark.measurement import Iteration, Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

_INTERVAL_NS = 5 * NS_PER_MS
"""Interval of the timeline; exact peaks come from the kernel's high-water mark."""

_REPETITIONS = 10
"""In the first process, as far as the budget allows: the slope of a leak needs five at least."""
_REPEATED = 2
"""In each further process, which shows how peaks differ between processes."""
_BUDGETS = 3
"""A repetition is a whole generation, and yields one value of each metric: it gets the budget of three timed cases."""

_BETWEEN = "between"
"""The sampler's phase between measurements: reading the device, freeing the cache."""


@dataclass(frozen=True, slots=True)
class _Phase:
    """A part of one repetition.

    Attributes:
        name: its name in the samples.
        run: runs it.
        cached_tokens: tokens that it adds to the key-value cache.
    """

    name: str
    run: Callable[[], object]
    cached_tokens: int


class MemoryUsageBenchmark(Benchmark):
    """Sample host and GPU memory while the model loads and runs."""

    title = "Memory usage"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("input_length", (512,), help="tokens of the prompt"),
        Axis("new_tokens", (32,), help="tokens to generate; end-of-sequence is ignored"),
    )
    targets = ()
    headline = (
        "rss_peak_hwm",
        "device_allocated_peak",
        "rss_peak_sampled",
        "rss_growth",
        "pss_end",
        "kv_cache_formula",
        "leak_slope",
    )
    own_process = True

    @classmethod
    def axes_for(cls, model: type[Model]) -> tuple[Axis, ...]:
        """Return the axes with lengths that the model supports."""
        return with_call_axes(fitting(cls.axes, model), model)

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a model that can do nothing or is in other processes, and more tokens than it supports."""
        if not model.in_process:
            raise NotApplicableError(f"{model.engine} keeps its weights in processes of its own: not measured")
        check_runs(model, case)

    def before_load(self, case: Case, measurement: Measurement) -> None:
        """Start the sampler before the model loads."""
        sampler = MemorySampler(interval_ns=_INTERVAL_NS, reset_hwm=True, pss=True)
        sampler.start()
        sampler.mark_phase("load")
        measurement.sampler = sampler

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Repeat the phases; each phase of each repetition is one sample."""
        sampler = measurement.sampler
        if sampler is None:
            raise RuntimeError("before_load was not called")
        sampler.mark_phase(_BETWEEN)
        device = case.setup.device
        loaded = measurement.once()
        _record_device(loaded, "load", read_device_memory(device))
        phases, reset = _phases(model, case)
        about = model.describe()
        iterations = [loaded]
        held_bytes: dict[str, list[int]] = {}
        for iteration in measurement.repetitions(_REPEATED if measurement.run else _REPETITIONS, budgets=_BUDGETS):
            for phase in phases:
                reset_device_peak(device)
                before = read_device_memory(device)
                sampler.mark_phase(phase.name)
                phase.run()
                sampler.mark_phase(_BETWEEN)
                _record_device(iteration, phase.name, read_device_memory(device), before)
                _record_formula(iteration, phase, whole_number(about, "kv_bytes_per_token"))
            reset()
            iterations.append(iteration)
            for place, size_bytes in _held_bytes(device).items():
                held_bytes.setdefault(place, []).append(size_bytes)
        sampler.stop()
        _record(sampler, iterations)
        _score_bytes_per_parameter(sampler, whole_number(about, "parameters") or 0, device, measurement)
        _score_leak({place: sizes[1:] for place, sizes in held_bytes.items()}, measurement)
        measurement.notes += _notes(sampler)
        if about.get("parameters_mapped_from_file"):
            measurement.notes.append(
                "the weights are mapped from their file: they count as resident, but the kernel can drop them"
            )


def _phases(model: Model, case: Case) -> tuple[list[_Phase], Callable[[], None]]:
    """Return the phases of one repetition, and the function that frees its memory afterwards."""
    if not model.reads_text():
        return [_Phase("call", call_of(model, inputs_of(model, case)), 0)], lambda: None
    length = case.integer("input_length")
    if "generate" not in model.abilities:
        encoder = model.encoder()
        text = encoder.prompt(length)
        return [_Phase("forward", lambda: encoder.encode(text), 0)], lambda: None
    generator = model.generator()
    prompt = generator.prompt(length)
    steps = case.integer("new_tokens") - 1

    def decode() -> None:
        if not generator.decodes_alone:
            generator.generate(prompt, steps + 1)
            return
        for _ in range(steps):
            generator.decode()

    prefill = _Phase("prefill", lambda: generator.prefill(prompt), length)
    return [prefill, _Phase("decode", decode, steps)], generator.reset


def _held_bytes(device: str) -> dict[str, int]:
    """Return the memory held between repetitions, by place."""
    on_device = read_device_memory(device)
    held = {"host": rss_bytes(), "device": None if on_device is None else on_device.allocated_bytes}
    return {place: size_bytes for place, size_bytes in held.items() if size_bytes is not None}


def _record(sampler: MemorySampler, iterations: Sequence[Iteration]) -> None:
    """Turn the sampler's phases into samples; the load belongs to the first iteration."""
    seen: dict[str, int] = {}
    for phase in sampler.phases():
        name = phase["name"]
        if name == _BETWEEN:
            continue
        seen[name] = seen.get(name, 0 if name == "load" else 1)
        iteration = iterations[seen[name]]
        seen[name] += 1
        values = {
            "rss_peak_hwm": phase["hwm_bytes"],
            "rss_peak_sampled": phase["sampled_peak_bytes"],
            "rss_growth": _growth_bytes(phase["rss_begin_bytes"], phase["rss_end_bytes"]),
            "pss_end": phase["pss_bytes"],
            "uss_end": phase["uss_bytes"],
        }
        for metric, value in values.items():
            if value is not None:
                iteration.record(metric, value, start_ns=phase["begin_ns"], phase=name)


def _growth_bytes(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _record_device(
    iteration: Iteration, phase: str, after: DeviceMemory | None, before: DeviceMemory | None = None
) -> None:
    if after is None:
        return
    values = {
        "device_allocated_peak": after.peak_allocated_bytes,
        "device_reserved_peak": after.peak_reserved_bytes,
        "device_growth": after.allocated_bytes - (before.allocated_bytes if before else 0),
        "device_used": after.used_bytes,
    }
    for metric, value in values.items():
        if value is not None:
            iteration.record(metric, value, phase=phase)


def _record_formula(iteration: Iteration, phase: _Phase, kv_bytes_per_token: int | None) -> None:
    if kv_bytes_per_token and phase.cached_tokens:
        iteration.record("kv_cache_formula", phase.cached_tokens * kv_bytes_per_token, phase=phase.name)


def _score_bytes_per_parameter(sampler: MemorySampler, parameters: int, device: str, measurement: Measurement) -> None:
    """Score the memory added by the load per parameter; on the host without the framework's import."""
    if not parameters:
        return
    on_device = read_device_memory(device)
    size_bytes = _loaded_bytes(sampler, measurement) if on_device is None else on_device.allocated_bytes
    if size_bytes is None:
        return
    detail = {"parameters": parameters, "bytes": size_bytes}
    measurement.score("bytes_per_parameter", "load", "model", size_bytes / parameters, detail=detail)


def _loaded_bytes(sampler: MemorySampler, measurement: Measurement) -> int | None:
    """Return the growth of resident memory from the end of the framework's import, if known, to the load's end."""
    load = next(phase for phase in sampler.phases() if phase["name"] == "load")
    imported = next((step.end_ns for step in measurement.load_steps if step.name == "import"), load["begin_ns"])
    columns = sampler.columns()
    before = bisect_right(columns["time_ns"].tolist(), imported)
    begin_bytes = columns["rss_bytes"][before - 1] if before else load["rss_begin_bytes"]
    return _growth_bytes(begin_bytes, load["rss_end_bytes"])


def _score_leak(held_bytes: dict[str, list[int]], measurement: Measurement) -> None:
    """Score the memory held after each repetition but the cold one; add a note if it grows for certain."""
    import numpy as np

    from inference_bench.analysis.estimates import slope_estimate

    for place, sizes in held_bytes.items():
        for repetition, size_bytes in enumerate(sizes, 1):
            measurement.score("leak_slope", place, f"repetition {repetition}", size_bytes)
        slope = slope_estimate(np.array(sizes, dtype=np.float64))
        if slope.value is not None and slope.low is not None and slope.low > 0:
            measurement.notes.append(
                f"memory held on the {place} grows by {format_bytes(slope.value)} per repetition, at least "
                f"{format_bytes(slope.low)}: a leak, or an allocator that has not settled after {len(sizes)}"
            )


def _notes(sampler: MemorySampler) -> list[str]:
    marks = [phase for phase in sampler.phases() if phase["name"] != _BETWEEN]
    found = []
    if all(phase["hwm_bytes"] is None for phase in marks):
        found.append("the kernel's high-water mark cannot be read or reset here: peaks are sampled only")
    elif not all(phase["hwm_exact"] for phase in marks):
        found.append("another process reset the kernel's high-water mark: its peaks may be too low")
    return found
