"""Accuracy of a model for knowledge and reasoning."""

from __future__ import annotations

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class QwenAccuracy(AccuracyBenchmark):
    """Science questions that small models fail, and word problems."""

    axes = AccuracyBenchmark.with_axes(task=(*AccuracyBenchmark.sample_tasks, "arc_challenge", "gsm8k"), items=(40,))
