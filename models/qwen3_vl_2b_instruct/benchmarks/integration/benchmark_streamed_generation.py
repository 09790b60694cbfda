"""Streamed generation against plain generation, after an image."""

from __future__ import annotations

from inference_bench.benchmarks._streamed_generation import StreamedGenerationBenchmark


class ImageStream(StreamedGenerationBenchmark):
    """An image's tokens have two-dimensional positions; later tokens must continue from them in both ways."""

    axes = StreamedGenerationBenchmark.with_axes(input_length=(80, 256))
