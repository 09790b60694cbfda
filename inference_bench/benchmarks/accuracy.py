"""Accuracy of a text model on tasks; every item is scored and stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from inference_bench.benchmark.accuracy.tasks import SAMPLES, find_task
from inference_bench.benchmark.benchmark import Benchmark
from inference_bench.errors import NotApplicableError, TaskError, UnscorableError
from inference_bench.model.weights.references import OWN
from inference_bench.spec import Axis

if TYPE_CHECKING:
    from inference_bench.benchmark.accuracy.task import Task
    from inference_bench.benchmark.measurement import Measurement
    from inference_bench.model.model import Model
    from inference_bench.plan import Case


class AccuracyBenchmark(Benchmark):
    """Ask every item of a task and judge the answers.

    Class attributes:
        own_tasks: name → JSONL file, for prompts in a model's own format.
        sample_tasks: names of the tasks that come with this package.
    """

    title = "Accuracy"
    axes: ClassVar[tuple[Axis, ...]] = (
        Axis("task", SAMPLES, help="a sample, a public set, the path of a .jsonl file, or lm_eval:NAME"),
        Axis("items", (100,), help="items of a task at most; a fixed random sample of them"),
    )
    headline = ("accuracy", "accuracy_norm", "exact_match", "bits_per_byte", "perplexity")
    suites = ("accuracy", "full")
    repeats = False
    own_tasks: ClassVar[Mapping[str, Path]] = {}
    sample_tasks: ClassVar[tuple[str, ...]] = SAMPLES

    def check(self, model: type[Model], case: Case) -> None:
        """Refuse an unknown task, and a file of items with a wrong line; public sets are fetched only when measured."""
        model.require("score")
        if not model.tokenized and case.setup.weights in OWN:
            raise NotApplicableError(f"{model.name} has no tokenizer beside its weights, and questions are texts")
        from inference_bench.benchmark.accuracy.jsonl import JsonlTask

        task = self._task(case)
        if isinstance(task, JsonlTask):
            task.check()

    def measure(self, model: Model, case: Case, measurement: Measurement) -> None:
        """Score each item; one that this model cannot score is left out, and a note names it.

        Raises:
            TaskError: no item can be scored.
        """
        task = self._task(case)
        scored: set[str] = set()
        left_out: dict[str, UnscorableError] = {}
        for item, score in task.scores(model.scorer(), case.integer("items"), measurement.progress):
            if isinstance(score, UnscorableError):
                left_out[item] = score
            else:
                scored.add(item)
                measurement.score(score.metric, task.name, item, score.value, weight=score.weight, detail=score.detail)
        if left_out:
            first = next(f"{item}: {error}" for item, error in left_out.items())
            if not scored:
                raise TaskError(f"task {task.name}: no item can be scored, first {first}")
            total = len(scored) + len(left_out)
            measurement.notes.append(f"{len(left_out)} of {total} items of {task.name} left out, first {first}")

    def _task(self, case: Case) -> Task:
        from inference_bench.benchmark.accuracy.jsonl import JsonlTask

        name = str(case.parameters["task"])
        return JsonlTask(self.own_tasks[name]) if name in self.own_tasks else find_task(name)
