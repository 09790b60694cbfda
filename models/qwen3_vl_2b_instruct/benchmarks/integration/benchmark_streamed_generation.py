"""Streamed generation beside a plain one, after an image."""

from __future__ import annotations

from inference_bench.benchmarks._streamed_generation import StreamedGenerationBenchmark


class ImageStream(StreamedGenerationBenchmark):
    """An image's tokens have rows and columns for positions; what follows must count on from there in both ways."""

    axes = StreamedGenerationBenchmark.with_axes(input_length=(80, 256))
