"""The thread of an exporter: what it works on waits in a bounded queue, so that nobody waits for its far side."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Self

from inference_bench.errors import UsageError

if TYPE_CHECKING:
    from inference_bench._native import SpanRecords
    from inference_bench.live.profiler import Profiler

_LOG = logging.getLogger("inference_bench.live")


class Exporter(ABC):
    """Exports from time to time, in a thread of its own. A forked child has none until it starts its own.

    A far side that is down costs this thread's time only: ``queue_records`` span records wait at the most, the oldest
    are dropped and counted in ``export_dropped_records``, failures in ``export_failures``, and one line is logged when
    it goes away and one when it is back.

    Args:
        profiler: what is exported.
        kind: value of the label ``exporter``.
        interval_s: between two exports.
        queue_records: span records that may wait; 0 takes none.
    """

    def __init__(self, profiler: Profiler, kind: str, interval_s: float, queue_records: int) -> None:
        self.profiler = profiler
        self._kind = kind
        self._interval_s = interval_s
        self._queue_records = queue_records
        self._queue: deque[SpanRecords] = deque()
        self._dropped = profiler.counter("export_dropped_records", exporter=kind)
        self._failures = profiler.counter("export_failures", exporter=kind)
        self._failing = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0

    @abstractmethod
    def export(self, batches: list[SpanRecords]) -> None:
        """Export once; an exception counts as a failure."""

    def start(self) -> Self:
        """Begin.

        Raises:
            UsageError: it runs already.
        """
        if self._thread is not None and self._pid == os.getpid():
            raise UsageError(f"exporter {self._kind!r} runs already: expected one that is stopped. Call start() once.")
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._queue.clear()
        self.profiler.remove_listener(self._take)
        if self._queue_records:
            self.profiler.add_listener(self._take)
        self._thread = threading.Thread(target=self._run, name=f"inference_bench-{self._kind}", daemon=True)
        self._thread.start()
        return self

    def stop(self, timeout_s: float = 5.0) -> None:
        """Export once more, and end; whoever stops waits for ``timeout_s`` at the most."""
        thread, self._thread = self._thread, None
        if thread is None or self._pid != os.getpid():
            return
        self.profiler.collect()
        self.profiler.remove_listener(self._take)
        self._stop.set()
        thread.join(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take(self, batch: SpanRecords) -> None:
        self._queue.append(batch)
        waiting = sum(map(len, self._queue))
        while waiting > self._queue_records and self._queue:
            dropped = len(self._queue.popleft())
            waiting -= dropped
            self._dropped.add(dropped)

    def _run(self) -> None:
        stop = self._stop
        while not stop.wait(self._interval_s):
            self._export()
        self._export()

    def _export(self) -> None:
        batches = []
        while self._queue:
            batches.append(self._queue.popleft())
        try:
            self.export(batches)
        except Exception as error:
            self._failures.inc()
            self._dropped.add(sum(map(len, batches)))
            if not self._failing:
                _LOG.warning(
                    "exporter %r fails (%s); further failures are only counted",
                    self._kind,
                    error,
                    exc_info=_LOG.isEnabledFor(logging.DEBUG),
                )
            self._failing = True
        else:
            if self._failing:
                _LOG.warning("exporter %r works again", self._kind)
            self._failing = False
