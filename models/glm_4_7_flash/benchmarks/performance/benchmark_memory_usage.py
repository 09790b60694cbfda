"""Memory of a model with latent attention."""

from __future__ import annotations

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark


class GlmMemory(MemoryUsageBenchmark):
    """A long prompt and a short one: the key-value cache should grow little."""

    axes = MemoryUsageBenchmark.with_axes(input_length=(128, 2048))
