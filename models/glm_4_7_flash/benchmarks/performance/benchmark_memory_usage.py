"""Memory of a model with latent attention."""

from __future__ import annotations

from inference_bench.benchmarks.memory_usage import MemoryUsageBenchmark


class GlmMemory(MemoryUsageBenchmark):
    """A long prompt beside a short one: how little the cache of keys and values grows is its point."""

    axes = MemoryUsageBenchmark.with_axes(input_length=(128, 2048))
