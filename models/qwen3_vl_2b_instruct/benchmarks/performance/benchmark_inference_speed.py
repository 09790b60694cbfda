"""Inference speed of a model that looks at an image first."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class ImageSpeed(InferenceSpeedBenchmark):
    """The image and a question about it, then the image and a page of text: it takes 66 tokens of each prompt."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(80, 512))
