"""Accuracy of a small model that was taught to chat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from inference_bench.benchmarks.accuracy import AccuracyBenchmark


class SmolAccuracy(AccuracyBenchmark):
    """The sample, which it goes on from as from any text, and easy questions in the form of its own chats."""

    own_tasks: ClassVar[Mapping[str, Path]] = {"chat_answers": Path(__file__).with_name("chat_answers.jsonl")}
    axes = AccuracyBenchmark.with_axes(task=(*AccuracyBenchmark.sample_tasks, "chat_answers"))
