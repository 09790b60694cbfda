"""Accuracy of a small chat model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class SmolAccuracy(AccuracyBenchmark):
    """The sample tasks as plain text, and easy questions in its own chat format."""

    own_tasks: ClassVar[Mapping[str, Path]] = {"chat_answers": Path(__file__).with_name("chat_answers.jsonl")}
    axes = AccuracyBenchmark.with_axes(task=(*AccuracyBenchmark.sample_tasks, "chat_answers"))
