"""Run any task of lm-evaluation-harness on the loaded model; needs the extra ``lm-eval``.

    python -m inference_bench.benchmark.accuracy.lm_eval TASK

fetches a task's data sets in a separate process, because the worker itself stays offline.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, TypeVar

from inference_bench.benchmark.accuracy.item import Score, check_finite
from inference_bench.benchmark.accuracy.task import Progress, Task
from inference_bench.errors import InvalidValueError, TaskError, UnscorableError
from inference_bench.extras import require
from inference_bench.machine.subprocesses import last_line, run_python

if TYPE_CHECKING:
    from inference_bench.model.interfaces import Likelihood, TextScorer

T = TypeVar("T")

_METRICS = {"acc": "accuracy", "acc_norm": "accuracy_norm"}
"""Harness metric → our tag. Any other metric keeps its name."""

_NEW_TOKENS = 256
"""The harness's default."""


class _Sample(TypedDict):
    """The harness's log of one document; it also has one value per metric, under that metric's name."""

    doc_id: int
    metrics: list[str]
    filter: str
    filtered_resps: list[object]
    target: object


class _Request(Protocol):
    """One request of the harness, of a document of a task; its arguments depend on the request type."""

    args: tuple[Any, ...]
    task_name: str
    doc_id: int


_Unscorable = dict[tuple[str, int], UnscorableError]
"""Task and document → why the model cannot score it."""


class HarnessTask(Task):
    """A task, group or tag of the harness.

    Args:
        task: its name, or the path of a ``.yaml`` file.

    Raises:
        MissingPackageError: the harness is not installed.
        InvalidValueError: there is no such file.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self.name = Path(task).stem
        require(f"task lm_eval:{task}", ["lm_eval"])
        if task.endswith(".yaml") and not Path(task).is_file():
            raise InvalidValueError("task", f"lm_eval:{task}", "a .yaml file that exists")

    def scores(
        self, scorer: TextScorer, limit: int, progress: Progress
    ) -> Iterator[tuple[str, Score | UnscorableError]]:
        """Let the harness run the first ``limit`` documents, as with its own ``--limit``.

        Metrics that are not a mean over documents, such as a corpus BLEU, are omitted.
        """
        evaluator = import_module("lm_eval.evaluator")
        unscorable: _Unscorable = {}
        found = evaluator.simple_evaluate(
            model=_language_model(scorer, progress, unscorable),
            tasks=[self._loaded_name(progress)],
            limit=limit,
            bootstrap_iters=0,
            log_samples=True,
            task_manager=_manager(),
        )
        several = len(found["samples"]) > 1
        judged = yielded = False
        for task, samples in found["samples"].items():
            for sample in samples:
                item = f"{task} {sample['doc_id']}" if several else str(sample["doc_id"])
                error = unscorable.get((task, sample["doc_id"]))
                if error is not None:
                    yield item, error
                    continue
                judged = True
                for score in _scores(sample):
                    yield item, score
                    yielded = True
        if judged and not yielded:
            raise TaskError(f"lm_eval task {self._task}: none of its metrics is a mean over documents.")

    def _loaded_name(self, progress: Progress) -> str:
        """Return the task's name after fetching its data if needed.

        Raises:
            TaskError: no such task, or its data are unavailable.
        """
        try:
            _load(self._task)
        except KeyError:
            raise TaskError(f"lm_eval task {self._task}: no such task; `lm_eval ls tasks` lists them.") from None
        except Exception:  # the harness and its data sets raise various exceptions for a file that is not cached
            environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
            command = ("-m", "inference_bench.benchmark.accuracy.lm_eval", self._task)
            done = run_python(*command, environment=environment, tick=lambda: progress(0, 1))
            if done.returncode:
                raise TaskError(f"lm_eval task {self._task}: its data are unavailable: {last_line(done)}.") from None
        return self._task


@cache
def _manager() -> Any:
    """Return the harness's index of its tasks; it reads all their files, which takes seconds, so once in a process."""
    return import_module("lm_eval.tasks").TaskManager()


def _load(task: str) -> None:
    _manager().load([task])


def _scores(sample: _Sample) -> Iterator[Score]:
    """Yield a document's scores; if an answer was filtered in several ways, only the first counts."""
    for metric in sample["metrics"]:
        value = sample[metric]  # type: ignore[literal-required]
        if isinstance(value, bool | int | float):
            tag = _METRICS.get(metric, metric) + ("" if sample["filter"] == "none" else f":{sample['filter']}")
            detail = {"responses": sample["filtered_resps"], "expected": sample["target"]}
            yield Score(tag, float(value), detail=detail)


def _language_model(scorer: TextScorer, progress: Progress, unscorable: _Unscorable) -> object:
    """Return the scorer with the harness's model interface.

    A request that the model cannot score gets a finite answer of no meaning, since the harness takes no other, and its
    document is entered into ``unscorable``.
    """
    base = import_module("lm_eval.api.model").LM

    class LoadedModel(base):  # type: ignore[misc, valid-type]
        """The loaded model, as the harness sees it."""

        def loglikelihood(self, requests: Sequence[_Request]) -> list[tuple[float, bool]]:
            """Answer requests of (context, continuation); those of one document with one context share its cache."""
            answers: list[tuple[float, bool]] = []
            for (*document, context), group in groupby(requests, lambda of: (of.task_name, of.doc_id, of.args[0])):
                continuations = [request.args[1] for request in group]
                try:
                    found = scorer.log_likelihoods(context, continuations)
                    check_finite(" ".join(map(str, document)), found)
                    answers += [(likelihood.log_likelihood, likelihood.greedy) for likelihood in found]
                except UnscorableError as error:
                    unscorable[document[0], document[1]] = error
                    answers += [(0.0, False)] * len(continuations)
                progress(len(answers), len(requests))
            return answers

        def loglikelihood_rolling(self, requests: Sequence[_Request]) -> list[float]:
            """Answer requests of (text,)."""

            def answer(request: _Request) -> float:
                likelihood: Likelihood = scorer.text_likelihood(request.args[0])
                check_finite(f"{request.task_name} {request.doc_id}", [likelihood])
                return likelihood.log_likelihood

            return self._each(requests, answer, 0.0)

        def generate_until(self, requests: Sequence[_Request]) -> list[str]:
            """Answer requests of (prompt, options) greedily.

            Raises:
                TaskError: the task needs sampling instead of greedy decoding.
            """

            def answer(request: _Request) -> str:
                prompt, options = request.args
                if options.get("do_sample") and options.get("temperature", 1) > 0:
                    raise TaskError("this lm_eval task samples its answers; only greedy decoding is supported.")
                until = options.get("until") or []
                stop = [until] if isinstance(until, str) else until
                return scorer.complete(prompt, stop, options.get("max_gen_toks", _NEW_TOKENS))

            return self._each(requests, answer, "")

        @staticmethod
        def _each(requests: Sequence[_Request], answer: Callable[[_Request], T], instead: T) -> list[T]:
            answers: list[T] = []
            for request in requests:
                try:
                    answers.append(answer(request))
                except UnscorableError as error:
                    unscorable[request.task_name, request.doc_id] = error
                    answers.append(instead)
                progress(len(answers), len(requests))
            return answers

    return LoadedModel()


if __name__ == "__main__":
    try:
        _load(sys.argv[1])
    except Exception as error:
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
