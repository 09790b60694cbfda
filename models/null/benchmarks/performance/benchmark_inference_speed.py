"""Inference speed of the null model: the floor of the harness."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class NullSpeed(InferenceSpeedBenchmark):
    """One length: what does nothing does it equally fast with any."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(32,))
