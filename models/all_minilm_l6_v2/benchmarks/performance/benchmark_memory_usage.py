"""Memory of a sentence encoder."""

from __future__ import annotations

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark


class MiniLMMemory(MemoryUsageBenchmark):
    """The longest text only."""

    axes = MemoryUsageBenchmark.with_axes(input_length=(256,))
