"""Inference speed of a model that completes code."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class CoderSpeed(InferenceSpeedBenchmark):
    """A file goes in, a few lines come out."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(512, 1024), new_tokens=(16,))
