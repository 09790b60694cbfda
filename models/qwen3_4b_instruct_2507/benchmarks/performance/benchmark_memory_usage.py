"""Memory of a model for long documents."""

from __future__ import annotations

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark


class QwenMemory(MemoryUsageBenchmark):
    """A long prompt and a short one: 147,456 bytes of key-value cache per token in bfloat16."""

    axes = MemoryUsageBenchmark.with_axes(input_length=(128, 2048))
