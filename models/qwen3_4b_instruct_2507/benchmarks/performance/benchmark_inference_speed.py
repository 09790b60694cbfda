"""Inference speed of a model for long documents."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class QwenSpeed(InferenceSpeedBenchmark):
    """Prompts up to a few pages."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(128, 1024))
