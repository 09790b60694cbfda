"""Memory of a model with linear attention."""

from __future__ import annotations

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark


class CoderMemory(MemoryUsageBenchmark):
    """A long prompt and a short one: three of four layers have a state of constant size."""

    axes = MemoryUsageBenchmark.with_axes(input_length=(128, 2048))
