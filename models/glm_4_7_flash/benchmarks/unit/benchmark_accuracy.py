"""Accuracy of a model for reasoning and agents."""

from __future__ import annotations

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class GlmAccuracy(AccuracyBenchmark):
    """Science questions that small models fail, and code."""

    axes = AccuracyBenchmark.with_axes(
        task=(*AccuracyBenchmark.sample_tasks, "arc_challenge", "codex_humaneval"), items=(40,)
    )
