"""Accuracy of a model for reasoning and agents."""

from __future__ import annotations

from inference_bench.benchmark.accuracy.tasks import SAMPLES
from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class GlmAccuracy(AccuracyBenchmark):
    """Science questions that small models fail, and code."""

    axes = AccuracyBenchmark.with_axes(task=(*SAMPLES, "arc_challenge", "codex_humaneval"), items=(40,))
