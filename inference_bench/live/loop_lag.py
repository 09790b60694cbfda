"""How late the event loop comes to what is due."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import inference_bench._native as _native

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler


class LoopLag:
    """Has the running loop call back on a grid and observes how late it does, in the histogram ``loop_lag``.

    A loop that is blocked for long shows as one long lag, not as the many calls that it missed. It ends with its loop.
    """

    def __init__(self, profiler: Profiler, interval_ns: int = 50_000_000) -> None:
        self._observe = profiler.histogram("loop_lag").observe_ns
        self._interval_ns = interval_ns
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._handle: asyncio.TimerHandle | None = None
        self._due_ns = 0

    @property
    def running(self) -> bool:
        """Whether it measures a loop of this process that is still open."""
        return self._loop is not None and self._pid == os.getpid() and not self._loop.is_closed()

    def start(self) -> None:
        """Measure the loop that runs now. Nothing happens if it is measured already."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop or self._pid != os.getpid():
            self.stop()
            self._loop, self._pid = loop, os.getpid()
            self._schedule()

    def stop(self) -> None:
        """End it."""
        if self._handle is not None:
            self._handle.cancel()
        self._loop = self._handle = None

    def _schedule(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._due_ns = _native.now_ns() + self._interval_ns
            self._handle = self._loop.call_later(self._interval_ns / 1e9, self._called)

    def _called(self) -> None:
        self._observe(max(_native.now_ns() - self._due_ns, 0))  # asyncio may call up to its clock's resolution early
        self._schedule()
