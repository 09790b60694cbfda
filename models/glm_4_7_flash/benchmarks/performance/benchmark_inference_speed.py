"""Inference speed of an agent's model."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class GlmSpeed(InferenceSpeedBenchmark):
    """Prompts that carry tools and results, answers that call one more tool."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(512, 1024), new_tokens=(16,))
