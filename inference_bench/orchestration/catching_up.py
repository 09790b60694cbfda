"""The wait for stores that refuse for a while: two minutes, in longer and longer pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from inference_bench.errors import StorageError
from inference_bench.orchestration.progress import Progress
from inference_bench.results.sink import Sink

T = TypeVar("T")

_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0)
"""A store that is being restarted, or that limits requests for a while, is back by then."""
_LOOK_S = 0.1


async def catch_up(sink: Sink, wants_end: Callable[[], bool], progress: Progress) -> str:
    """Let a sink write what is missing.

    Args:
        sink: has been told of the end of the run.
        wants_end: whether the user has asked not to wait.
        progress: is told why there is a wait.

    Returns:
        Why something is still missing, and what to do; empty if all is written.
    """
    missing = sink.catch_up()
    if missing:
        progress.message(f"{missing} Trying again for {sum(_PAUSES_S):g} s; Ctrl-C ends that: the run is on disk.")
    for pause_s in _PAUSES_S:
        if not missing or await _ended(pause_s, wants_end):
            break
        missing = sink.catch_up()
    return missing and f"{missing} `run --resume RUN --sink ADDRESS` stores what is missing, without measuring."


async def _ended(pause_s: float, wants_end: Callable[[], bool]) -> bool:
    """Pause; return whether the user asked meanwhile not to wait."""
    for _ in range(round(pause_s / _LOOK_S)):
        if wants_end():
            return True
        await asyncio.sleep(_LOOK_S)
    return False


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Return what a call returns, which is made again while a store refuses it for the time being.

    Raises:
        StorageError: the store still refuses after two minutes, or for good.
    """
    for pause_s in _PAUSES_S:
        try:
            return await call()
        except StorageError as error:
            if not error.is_temporary:
                raise
            await asyncio.sleep(pause_s)
    return await call()
