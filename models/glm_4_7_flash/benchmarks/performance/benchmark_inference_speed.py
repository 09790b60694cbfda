"""Inference speed of a model for agents."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class GlmSpeed(InferenceSpeedBenchmark):
    """Long prompts with tools and results, short answers that call a tool."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(512, 1024), new_tokens=(16,))
