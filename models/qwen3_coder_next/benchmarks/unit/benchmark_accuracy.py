"""Accuracy of a model that completes code."""

from __future__ import annotations

from inference_bench.benchmark.accuracy.tasks import SAMPLES
from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class CoderAccuracy(AccuracyBenchmark):
    """How well it predicts the right solutions, after examples of others."""

    axes = AccuracyBenchmark.with_axes(task=(*SAMPLES, "codex_humaneval", "mt_mbpp_python"), items=(40,))
