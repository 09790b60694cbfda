"""Inference speed of a code completion model."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class CoderSpeed(InferenceSpeedBenchmark):
    """Long prompts, short completions."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(512, 1024), new_tokens=(16,))
