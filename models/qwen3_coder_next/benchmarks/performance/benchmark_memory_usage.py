"""Memory of a model with linear attention."""

from __future__ import annotations

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark


class CoderMemory(MemoryUsageBenchmark):
    """A long prompt beside a short one: three layers of four keep a state whose size does not grow."""

    axes = MemoryUsageBenchmark.with_axes(input_length=(128, 2048))
