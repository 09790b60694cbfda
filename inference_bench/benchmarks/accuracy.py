"""Accuracy of a text model on tasks: every item is scored and stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.accuracy.tasks import SAMPLES, find_task
from inference_bench.benchmark import Benchmark
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.measurement import Measurement
    from inference_bench.model import Model
    from inference_bench.plan import Case


class AccuracyBenchmark(Benchmark):
    """Ask every item of a task and judge the answers."""

    title = "Accuracy"
    axes = (
        Axis("task", SAMPLES, help="a sample, a public set, the path of a .jsonl file, or lm_eval:NAME"),
        Axis("items", (100,), help="items of a task at most; a fixed random sample of them"),
    )
    headline = ("accuracy", "accuracy_norm", "exact_match", "bits_per_byte", "perplexity")
    suites = ("accuracy", "full")
    repeats = False

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse a task that does not exist; what is in it is read only when it is measured."""
        model.require("score")
        find_task(str(case.parameters["task"]))

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Score the items one by one."""
        task = find_task(str(case.parameters["task"]))
        for item, score in task.scores(model.scorer(), case.integer("items"), measurement.progress):
            measurement.score(score.metric, task.name, item, score.value, weight=score.weight, detail=score.detail)
