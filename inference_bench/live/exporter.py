"""Exporter thread with a bounded queue; callers never block."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Self

from inference_bench.errors import UsageError
from inference_bench.live.flight_recorder import BATCH_RECORD_BYTES

if TYPE_CHECKING:
    from inference_bench._native import SpanRecords
    from inference_bench.live.profiler import Profiler

_LOG = logging.getLogger("inference_bench.live")


class Exporter(ABC):
    """Exports at an interval, in its own thread. A forked child must start its own exporter.

    While exports fail, at most ``queue_records`` span records wait, of 66 bytes each; the oldest are dropped.
    Counter ``export_dropped_records`` counts dropped records, ``export_failures`` counts failures, and one line is
    logged at the first failure and one at the next success.

    Args:
        profiler: the profiler to export.
        kind: value of the label ``exporter``.
        interval_s: seconds between two exports.
        queue_records: limit of span records that wait; 0 exports no records.
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
        """Export once; any exception counts as a failure."""

    def start(self) -> Self:
        """Start the thread.

        Raises:
            UsageError: it runs already.
        """
        if self._thread is not None and self._pid == os.getpid():
            raise UsageError(f"exporter {self._kind!r} runs already: expected one that is stopped. Call start() once.")
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._queue.clear()
        self._failing = False
        if not self.profiler.running:
            self.profiler.warn_idle()
        self.profiler.remove_listener(self._take)
        if self._queue_records:
            self.profiler.add_listener(self._take)
        self._thread = threading.Thread(target=self._run, name=f"inference_bench-{self._kind}", daemon=True)
        self._thread.start()
        return self

    def stop(self, timeout_s: float = 5.0) -> None:
        """Export once more, and end the thread; returns after ``timeout_s`` at the latest."""
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
        records, held_bytes = sum(map(len, self._queue)), sum(each.memory_bytes for each in self._queue)
        limit_bytes = self._queue_records * BATCH_RECORD_BYTES
        while self._queue and (records > self._queue_records or held_bytes > limit_bytes):
            oldest = self._queue.popleft()
            records, held_bytes = records - len(oldest), held_bytes - oldest.memory_bytes
            self._dropped.add(len(oldest))

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
            self._count_failure(error, sum(map(len, batches)))
        else:
            if self._failing:
                _LOG.warning("exporter %r works again", self._kind)
            self._failing = False

    def _count_failure(self, error: Exception, records: int) -> None:
        self._failures.inc()
        self._dropped.add(records)
        if not self._failing:
            traceback = _LOG.isEnabledFor(logging.DEBUG)
            text = "exporter %r failed (%s); further failures are only counted"
            _LOG.warning(text, self._kind, error, exc_info=traceback)
        self._failing = True
