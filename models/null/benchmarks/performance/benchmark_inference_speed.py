"""Inference speed of the null model: the floor of the harness."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class NullSpeed(InferenceSpeedBenchmark):
    """One length: the null model's time does not depend on it."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(32,))
