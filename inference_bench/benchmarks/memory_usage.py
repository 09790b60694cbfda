"""Memory of a text generator by phase (load, prefill, decode), in a pass and a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench._native import MemorySampler
from inference_bench.benchmark import Benchmark
from inference_bench.benchmarks.inference_speed import check_length
from inference_bench.spec import Axis
from inference_bench.units import NS_PER_MS

if TYPE_CHECKING:
    from inference_bench.measurement import Iteration, Measurement
    from inference_bench.model import Model
    from inference_bench.plan import Case

_INTERVAL_NS = 5 * NS_PER_MS
"""The curve; the exact peaks come from the kernel's high-water mark."""

_REPETITIONS = 6
"""The fewest from which a 95 % interval of the median exists."""


class MemoryUsageBenchmark(Benchmark):
    """Sample resident memory while the model loads, runs a prompt and decodes."""

    title = "Memory usage"
    axes = (
        Axis("input_length", (512,), help="tokens of the prompt"),
        Axis("new_tokens", (32,), help="tokens to generate; end-of-sequence is ignored"),
    )
    targets = ()
    headline = ("rss_peak_hwm", "rss_peak_sampled", "rss_growth")
    own_process = True

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a generation that the model's positions do not hold."""
        model.require("generate")
        check_length(model, case)

    def before_load(self, measurement: Measurement) -> None:
        """Start the sampler, so that loading is its first phase."""
        sampler = MemorySampler(interval_ns=_INTERVAL_NS, reset_hwm=True)
        sampler.start()
        sampler.mark_phase("load")
        measurement.sampler = sampler

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Repeat the generation; each phase of each repetition is one sample."""
        sampler = measurement.sampler
        if sampler is None:
            raise RuntimeError("before_load was not called")
        iterations = [measurement.once()]
        generator = model.generator()
        prompt = generator.prompt(case.integer("input_length"))
        for iteration in measurement.repetitions(_REPETITIONS):
            sampler.mark_phase("prefill")
            generator.prefill(prompt)
            sampler.mark_phase("decode")
            for _ in range(case.integer("new_tokens") - 1):
                generator.decode()
            sampler.mark_phase("between")
            generator.reset()
            iterations.append(iteration)
        sampler.stop()
        _record(sampler, iterations)
        measurement.notes += _notes(sampler)
        if model.describe().get("parameters_mapped_from_file"):
            measurement.notes.append(
                "the weights are mapped from their file: they count as resident, but the kernel can drop them"
            )


def _record(sampler: MemorySampler, iterations: list[Iteration]) -> None:
    """Turn the sampler's phases into samples: one ``load``, then a ``prefill`` and a ``decode`` per iteration."""
    seen = {"load": 0, "prefill": 1, "decode": 1}
    for phase in sampler.phases():
        name = phase["name"]
        if name not in seen:
            continue
        iteration = iterations[seen[name]]
        seen[name] += 1
        values = {
            "rss_peak_hwm": phase["hwm_bytes"],
            "rss_peak_sampled": phase["sampled_peak_bytes"],
            "rss_growth": phase["rss_end_bytes"] - phase["rss_begin_bytes"],
        }
        for metric, value in values.items():
            if value is not None:
                iteration.record(metric, value, start_ns=phase["begin_ns"], phase=name)


def _notes(sampler: MemorySampler) -> list[str]:
    stats = sampler.stats()
    marks = [phase for phase in sampler.phases() if phase["name"] != "between"]
    found = []
    if stats["missed"] > 0.05 * stats["samples"]:
        found.append(f"the memory sampler missed {stats['missed']} ticks and took {stats['samples']} readings")
    if stats["dropped"]:
        found.append(f"the memory sampler was full: {stats['dropped']} readings lost; the phases' peaks are unaffected")
    if all(phase["hwm_bytes"] is None for phase in marks):
        found.append("the kernel's high-water mark cannot be read or reset here: peaks are sampled only")
    elif not all(phase["hwm_exact"] for phase in marks):
        found.append("somebody else reset the kernel's high-water mark: its peaks may be too low")
    return found
