"""Inference speed of a reasoning model."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class QwenSpeed(InferenceSpeedBenchmark):
    """Short questions, long answers: most of the time goes into decoding."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(32, 256), new_tokens=(64,))
