"""Accuracy of a model that was taught to calculate."""

from __future__ import annotations

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class QwenAccuracy(AccuracyBenchmark):
    """Short facts, and word problems with its thinking switched off."""

    axes = AccuracyBenchmark.with_axes(task=(*AccuracyBenchmark.sample_tasks, "gsm8k"), items=(40,))
