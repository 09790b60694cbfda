"""Streamed generation against plain generation."""

from __future__ import annotations

from inference_bench.benchmarks._streamed_generation import StreamedGenerationBenchmark


class SmolStream(StreamedGenerationBenchmark):
    """Lengths of a chat: both ways must give the same tokens."""

    axes = StreamedGenerationBenchmark.with_axes(input_length=(16, 256))
