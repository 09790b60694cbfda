"""The wait for stores that refuse for a while: two minutes from the first refusal, in longer and longer pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from inference_bench.errors import StorageError
from inference_bench.orchestration.progress import Progress
from inference_bench.results.sink import Sink

T = TypeVar("T")

_PATIENCE_S = 120.0
"""A store that is being restarted, or that limits requests for a while, is back by then."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_LOOK_S = 0.1
_CAUGHT_UP = "the store answers again: nothing is missing there"


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further try; none is begun after the two minutes, however long tries take.

    The last try is at their end.
    """
    end_s, pause_s = time.monotonic() + _PATIENCE_S, _FIRST_PAUSE_S
    while (left_s := end_s - time.monotonic()) > 0:
        yield min(pause_s, left_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def catch_up(sink: Sink, wants_end: Callable[[], bool], progress: Progress) -> str:
    """Let a sink write what is missing.

    Args:
        sink: has been told of the end of the run.
        wants_end: whether the user has asked not to wait.
        progress: is told why there is a wait, how long it is, and when it is over.

    Returns:
        Why something is still missing, and what to do; empty if all is written.

    Raises:
        SinkError: it is missing for good.
    """
    missing = sink.catch_up()
    if not missing:
        return ""
    progress.warn(f"{missing} Trying again for {_PATIENCE_S:g} s; Ctrl-C ends the wait: the run is on disk.")
    for pause_s in _pauses():
        if await _ended(pause_s, wants_end):
            break
        missing = sink.catch_up()
        if not missing:
            progress.message(_CAUGHT_UP)
            return ""
    return f"{missing} `run --resume RUN --sink ADDRESS` stores what is missing, without measuring."


async def _ended(pause_s: float, wants_end: Callable[[], bool]) -> bool:
    """Pause; return whether the user asked meanwhile not to wait."""
    for _ in range(round(pause_s / _LOOK_S)):
        if wants_end():
            return True
        await asyncio.sleep(_LOOK_S)
    return False


async def patiently(call: Callable[[], Awaitable[T]], warn: Callable[[str], None]) -> T:
    """Return what a call returns, which is made again while a store refuses it for the time being.

    Args:
        call: asks the store.
        warn: is told why there is a wait, and how long it is.

    Raises:
        StorageError: the store still refuses after two minutes, or for good.
    """
    pauses = None
    while True:
        try:
            return await call()
        except StorageError as error:
            if not error.is_temporary:
                raise
            if pauses is None:
                warn(f"{error} Trying again for {_PATIENCE_S:g} s.")
                pauses = _pauses()
            if (pause_s := next(pauses, None)) is None:
                raise
        await asyncio.sleep(pause_s)


class Backlog:
    """Tells once that a sink falls behind while cases are measured, and once that it has caught up.

    Args:
        sink: writes the run.
        progress: is told.
    """

    def __init__(self, sink: Sink, progress: Progress) -> None:
        self._sink = sink
        self._progress = progress
        self._is_behind = False

    def tell(self) -> None:
        """Tell what has changed since the last call."""
        missing = self._sink.missing
        if missing and not self._is_behind:
            later = f"Trying again after later cases, and at the end for {_PATIENCE_S:g} s; the run is on disk."
            self._progress.warn(f"{missing} {later}")
        elif self._is_behind and not missing:
            self._progress.message(_CAUGHT_UP)
        self._is_behind = bool(missing)
