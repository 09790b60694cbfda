"""What each request to stop a run does: the first lets the present case end, a later one does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inference_bench.orchestration.worker_process import WorkerProcess

_HAND_OVER_S = 30.0
"""Seconds after the second request in which a load over HTTP may read its answers and hand over what had ended."""


class StopRequests:
    """Counts the requests to stop a run, each of which is a Ctrl-C.

    Args:
        stop_now: ends all work.
        warn: tells the user what happens, and what the next request does.

    Attributes:
        count: how many there were.
    """

    def __init__(self, stop_now: Callable[[], None], warn: Callable[[str], None]) -> None:
        self.count = 0
        self._stop_now = stop_now
        self._warn = warn
        self._worker: WorkerProcess | None = None
        self._is_over_http = False
        self._hands_over = False
        self._last_wait: asyncio.TimerHandle | None = None

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return self.count > 0

    @contextmanager
    def measuring(self, worker: WorkerProcess, *, is_over_http: bool) -> Iterator[None]:
        """Say which worker measures a case while the block runs, and whether that sends requests over HTTP."""
        self._worker, self._is_over_http = worker, is_over_http
        try:
            yield
        finally:
            self._worker, self._hands_over = None, False

    def add(self) -> None:
        """Stop when the present case has ended, a load over HTTP at once, with what it has.

        The second request stops now, as the first does while no case is measured. A load over HTTP that the first has
        ended gets some seconds more to hand over what it has; the third request does not wait for that.
        """
        if self._worker is not None and not self.any:
            self._hands_over = self._worker.interrupt() and self._is_over_http
            again = "ending the load" if self._hands_over else "finishing the present case"
            self._warn(f"{again}; press Ctrl-C again to stop now")
        elif self._hands_over and self._last_wait is None:
            self._last_wait = asyncio.get_running_loop().call_later(_HAND_OVER_S, self._stop_now)
            self._warn("writing what had ended; press Ctrl-C again to lose it")
        else:
            self._stop_now()
        self.count += 1

    def close(self) -> None:
        """End the wait for a worker: the run is over."""
        if self._last_wait is not None:
            self._last_wait.cancel()
