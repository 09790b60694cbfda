"""Accuracy of a model that was taught to calculate."""

from __future__ import annotations

from inference_bench.benchmark.accuracy.tasks import SAMPLES
from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class QwenAccuracy(AccuracyBenchmark):
    """Short facts, and word problems with its thinking switched off."""

    axes = AccuracyBenchmark.with_axes(task=(*SAMPLES, "gsm8k"), items=(40,))
