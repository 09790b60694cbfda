"""Progress is shown if it can be; it never ends a measurement."""

from __future__ import annotations

import inspect

import pytest

from inference_bench.orchestration.progress import Harmless, Progress
from inference_bench.result import Status
from tests.factories import run, spec

_CALLS = [name for name, of in vars(Progress).items() if inspect.isfunction(of)]


def _failing(names, error):
    def fail(self, *args):
        raise error

    return type("Failing", (Progress,), dict.fromkeys(names, fail))()


@pytest.mark.parametrize("name", _CALLS)
def test_every_call_is_passed_on_and_may_fail(name, caplog):
    told = []
    watcher = type("Watcher", (Progress,), {name: lambda self, *args: told.append(args)})()
    given = tuple(inspect.signature(getattr(Progress, name)).parameters)[1:]
    getattr(Harmless(watcher), name)(*given)
    assert told == [given]

    harmless = Harmless(_failing([name], OSError(28, "No space left on device")))
    for _ in range(3):
        getattr(harmless, name)(*given)
    assert [record.message for record in caplog.records] == ["progress cannot be shown; measuring continues"]


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "full"), ValueError("closed file"), RuntimeError()])
def test_a_run_goes_on_whatever_its_progress_raises(tmp_path, error):
    outcome = run(spec("null", input_length=(8,), new_tokens=(4,)), tmp_path, progress=_failing(_CALLS, error))

    assert outcome.run.record.finished
    assert [result.status for result in outcome.run.results] == [Status.OK]
