"""The process of an engine's scheduler: ``python -m inference_bench.model.engine.serving.process DESCRIPTOR``.

It reads a recipe, then orders, from the socket; it sends the tokens of each step at once, or the error that ended it.
It ends when the other end of the socket is closed.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeAlias

from inference_bench.errors import EngineError, InferenceBenchError
from inference_bench.model.engine.serving.scheduler import READY, Add

if TYPE_CHECKING:
    from inference_bench.model.engine.serving.scheduler import Order, Recipe, Scheduler

    Channel: TypeAlias = Connection[object, Recipe | Order]


def serve(channel: Channel) -> None:
    """Open the scheduler that the first message describes, and carry out orders until the channel is closed."""
    try:
        scheduler = channel.recv()()  # type: ignore[operator]
        channel.send(READY)
        gc.collect()
        gc.freeze()
        _steps(scheduler, channel)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        channel.send(_described(error))


def _steps(scheduler: Scheduler, channel: Channel) -> None:
    """Step while any request is under way; else wait for the next order."""
    left: dict[int, int] = {}
    while True:
        while not left or channel.poll():
            _take(channel.recv(), scheduler, left)  # type: ignore[arg-type]
        step = [(request, tokens) for request, tokens in scheduler.step() if tokens]
        for request, tokens in step:
            _count(left, request, tokens)
        channel.send(step)


def _take(order: Order, scheduler: Scheduler, left: dict[int, int]) -> None:
    if isinstance(order, Add):
        scheduler.add(order.request, order.ids, order.new_tokens)
        left[order.request] = order.new_tokens
    elif left.pop(order.request, 0):  # else it had ended before the order came
        scheduler.cancel(order.request)


def _count(left: dict[int, int], request: int, tokens: Sequence[int]) -> None:
    left[request] -= len(tokens)
    if left[request] <= 0:
        del left[request]


def _described(error: Exception) -> EngineError:
    """Return the error in one line, without what only this process knows."""
    said = " ".join(str(error).split())
    return EngineError(said if isinstance(error, InferenceBenchError) else f"{type(error).__name__}: {said}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides when it ends
    with Connection(int(sys.argv[1])) as connection:
        serve(connection)
