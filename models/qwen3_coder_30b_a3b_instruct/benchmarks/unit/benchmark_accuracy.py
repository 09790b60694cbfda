"""Accuracy of a code completion model."""

from __future__ import annotations

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class CoderAccuracy(AccuracyBenchmark):
    """How well it predicts correct solutions, in Python and in a language with less training data."""

    axes = AccuracyBenchmark.with_axes(
        task=(*AccuracyBenchmark.sample_tasks, "codex_humaneval", "mt_mbpp_rust"), items=(40,)
    )
