"""Inference speed of a vision-language model."""

from __future__ import annotations

from inference_bench.benchmarks.inference_speed import InferenceSpeedBenchmark


class ImageSpeed(InferenceSpeedBenchmark):
    """The image with a question, and the image with a page of text; the image takes 66 tokens of each prompt."""

    axes = InferenceSpeedBenchmark.with_axes(input_length=(80, 512))
