"""Lag of the event loop."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import inference_bench._native as _native
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler


class LoopLag:
    """Observes in the histogram ``loop_lag`` how late the running loop makes regular calls.

    A long block counts as one long lag, not as many missed calls. Measuring ends with the loop.

    Attributes:
        loop: the loop that is measured; None while there is none.
    """

    def __init__(self, profiler: Profiler, interval_ns: int = 50_000_000) -> None:
        self._observe = profiler.histogram("loop_lag").observe_ns
        self._interval_ns = interval_ns
        self.loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._handle: asyncio.TimerHandle | None = None
        self._due_ns = 0

    @property
    def running(self) -> bool:
        """Whether it measures an open loop of this process."""
        return self.loop is not None and self._pid == os.getpid() and not self.loop.is_closed()

    def start(self) -> None:
        """Measure the running loop. Does nothing if it is measured already."""
        loop = asyncio.get_running_loop()
        if loop is not self.loop or self._pid != os.getpid():
            self.stop()
            self.loop, self._pid = loop, os.getpid()
            self._schedule()

    def stop(self) -> None:
        """Stop measuring."""
        if self._handle is not None:
            self._handle.cancel()
        self.loop = self._handle = None

    def _schedule(self) -> None:
        if self.loop is not None and not self.loop.is_closed():
            self._due_ns = _native.now_ns() + self._interval_ns
            self._handle = self.loop.call_later(self._interval_ns / NS_PER_S, self._called)

    def _called(self) -> None:
        self._observe(max(_native.now_ns() - self._due_ns, 0))  # asyncio may call early by up to its clock's resolution
        self._schedule()
