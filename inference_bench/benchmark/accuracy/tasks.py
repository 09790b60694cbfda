"""Find a task by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.errors import InvalidValueError, UnknownNameError

if TYPE_CHECKING:
    from inference_bench.benchmark.accuracy.task import Task

_SAMPLES_FOLDER = Path(__file__).with_name("samples")

SAMPLES = ("sample_choice", "sample_question", "sample_passage")
"""The tasks that come with this package: small, offline, without licence terms."""

_HARNESS = "lm_eval:"


def find_task(name: str) -> Task:
    """Return a task without reading it.

    Args:
        name: one of ``SAMPLES``, a public set or ``set/variant`` of one, the path of a ``.jsonl`` file, or
            ``lm_eval:`` with the name of a task of lm-evaluation-harness or the path of its ``.yaml`` file.

    Raises:
        UsageError: unknown task.
    """
    from inference_bench.benchmark.accuracy.jsonl import JsonlTask
    from inference_bench.benchmark.accuracy.lm_eval import HarnessTask
    from inference_bench.benchmark.accuracy.public_sets import SETS, PublicTask

    if name in SAMPLES:
        return JsonlTask(_SAMPLES_FOLDER / f"{name}.jsonl")
    if name.startswith(_HARNESS):
        return HarnessTask(name.removeprefix(_HARNESS))
    if name.endswith(".jsonl"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise InvalidValueError("task", name, "a .jsonl file that exists")
        return JsonlTask(path)
    if name.partition("/")[0] in SETS:
        return PublicTask(name)
    raise UnknownNameError("task", name, [*SAMPLES, *SETS])
