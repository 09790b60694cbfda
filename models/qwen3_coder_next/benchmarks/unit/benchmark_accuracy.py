"""Accuracy of a model that completes code."""

from __future__ import annotations

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class CoderAccuracy(AccuracyBenchmark):
    """How well it predicts the right solutions, after examples of others."""

    axes = AccuracyBenchmark.with_axes(
        task=(*AccuracyBenchmark.sample_tasks, "codex_humaneval", "mt_mbpp_python"), items=(40,)
    )
