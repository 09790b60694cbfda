"""A call ends when its work on a GPU has ended: most calls of torch return as soon as it is queued."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from inference_bench.machine.device_work import device_synchronisation

R = TypeVar("R")

GPU_NOTE = "each call ends with torch.cuda.synchronize(): the wait for the GPU, and the cost of asking, are part of it"


def finish_on_gpu() -> bool:
    """Wait for the GPU to finish, if torch has used one; return whether it has."""
    synchronise = device_synchronisation()
    if synchronise is None:
        return False
    synchronise()
    return True


def finishing(call: Callable[..., R]) -> Callable[..., R]:
    """Return a call that also waits for the GPU; whether there is one is asked after it, since it may be the first."""

    def finished(*args: object) -> R:
        returned = call(*args)
        finish_on_gpu()
        return returned

    return finished
