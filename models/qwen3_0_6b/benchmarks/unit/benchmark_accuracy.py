"""Accuracy of a model trained for arithmetic."""

from __future__ import annotations

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class QwenAccuracy(AccuracyBenchmark):
    """Short facts, and word problems without thinking."""

    axes = AccuracyBenchmark.with_axes(task=(*AccuracyBenchmark.sample_tasks, "gsm8k"), items=(40,))
