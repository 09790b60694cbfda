"""Inference speed of a sentence encoder."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class MiniLMSpeed(InferenceSpeedBenchmark):
    """A title, one or two sentences, and the longest text."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(16, 64, 256))
