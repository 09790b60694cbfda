"""What the orchestrator asks of a worker: load a model, finish the load, measure a case."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from inference_bench.errors import InferenceBenchError
from inference_bench.orchestration.messages import (
    CaseProgress,
    Failed,
    Go,
    Hello,
    Load,
    Loaded,
    Measure,
    Measured,
    Parked,
    Proceed,
    Window,
)
from inference_bench.orchestration.worker_process import WorkerProcess
from inference_bench.result import Failure, Status
from inference_bench.spec import Limits
from inference_bench.units import NS_PER_S


class LoadFailedError(InferenceBenchError):
    """The model could not be loaded: no case that shares the load can be measured.

    Attributes:
        status: of those cases.
        failure: their failure.
    """

    def __init__(self, answer: Failed) -> None:
        super().__init__(answer.cause)
        self.status: Status = answer.status
        self.failure = Failure(answer.cause, detail=answer.detail)


class Bystander(Protocol):
    """What follows the timed windows of a measurement: loaders that would disturb them, readings at their edges."""

    async def open_window(self) -> None:
        """Do what is due before a window opens."""

    def close_window(self) -> None:
        """Do what is due after it; called once more at the end, with no window open."""


async def begin_load(worker: WorkerProcess, request: Load, booted: asyncio.Event) -> Loaded | Parked:
    """Have a started worker load a model; return when it is loaded, or waits on the host for ``finish_load``.

    The boot counts towards the limit of the load: a loader at idle priority may get little CPU while it imports.

    Args:
        worker: just started.
        request: what it loads.
        booted: is set when it has booted.

    Raises:
        WorkerLostError: the worker was lost.
        LoadFailedError: the model could not be loaded.
    """
    with worker.limited("loading the model", request.limits.load_ns / NS_PER_S, quiet=True):
        await worker.receive(Hello)
        booted.set()
        await worker.send(request)
        answer: Loaded | Parked | Failed = await worker.receive(Loaded, Parked, Failed)
    if isinstance(answer, Failed):
        raise LoadFailedError(answer)
    return answer


async def finish_load(worker: WorkerProcess, limits: Limits) -> Loaded:
    """Have a worker that waits on the host copy its model to the device; return when it is loaded.

    Raises:
        WorkerLostError: the worker was lost.
        LoadFailedError: the model could not be loaded.
    """
    with worker.limited("loading the model", limits.load_ns / NS_PER_S, quiet=True):
        await worker.send(Proceed())
        answer: Loaded | Failed = await worker.receive(Loaded, Failed)
    if isinstance(answer, Failed):
        raise LoadFailedError(answer)
    return answer


async def measure(
    worker: WorkerProcess,
    request: Measure,
    bystanders: Sequence[Bystander],
    on_progress: Callable[[CaseProgress], None],
) -> Measured | Failed:
    """Have a worker measure a case and return its last answer; the bystanders follow its timed windows.

    Raises:
        WorkerLostError: the worker was lost.
    """
    try:
        with worker.limited("the case", request.limits.case_ns / NS_PER_S):
            await worker.send(request)
            while True:
                answer: CaseProgress | Window | Measured | Failed
                answer = await worker.receive(CaseProgress, Window, Measured, Failed)
                if isinstance(answer, CaseProgress):
                    on_progress(answer)
                elif isinstance(answer, Window):
                    await _follow(worker, answer, bystanders)
                else:
                    return answer
    finally:
        _close_window(bystanders)


async def _follow(worker: WorkerProcess, window: Window, bystanders: Sequence[Bystander]) -> None:
    if window.opens:
        for bystander in bystanders:
            await bystander.open_window()
        await worker.send(Go())
    else:
        _close_window(bystanders)


def _close_window(bystanders: Sequence[Bystander]) -> None:
    for bystander in bystanders:
        bystander.close_window()
