"""Streamed generation beside a plain one."""

from __future__ import annotations

from inference_bench.benchmarks._streamed_generation import StreamedGenerationBenchmark


class SmolStream(StreamedGenerationBenchmark):
    """Chat-like lengths: the figures of the default model stand on both ways being one."""

    axes = StreamedGenerationBenchmark.with_axes(input_length=(16, 256))
