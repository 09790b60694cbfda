"""Inference speed of a sentence encoder."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class MiniLMSpeed(InferenceSpeedBenchmark):
    """A title, a sentence or two, and the longest text it takes."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(16, 64, 256))
