"""Inference speed of a model with linear attention."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class CoderSpeed(InferenceSpeedBenchmark):
    """Two lengths, to show how prefill time grows with the prompt."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(256, 1024), new_tokens=(16,))
