"""Flight recorder: keeps the last records, so that a trace can be drawn after an incident."""

from __future__ import annotations

import threading
from collections import deque

from inference_bench._native import SpanRecords

RECORD_BYTES = 32


class FlightRecorder:
    """Keeps the newest drained records, about ``capacity`` of them; drops whole batches, oldest first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._batches: deque[SpanRecords] = deque()
        self._held = 0
        self.replace_lock()

    def replace_lock(self) -> None:
        """Replace the lock, which another thread of the parent may have held during a fork."""
        self._lock = threading.Lock()

    def add(self, batch: SpanRecords) -> None:
        """Add a batch. A batch above the capacity stays until the next one comes."""
        with self._lock:
            self._batches.append(batch)
            self._held += len(batch)
            while self._held > self.capacity and len(self._batches) > 1:
                self._held -= len(self._batches.popleft())

    def clear(self) -> None:
        """Drop all records."""
        with self._lock:
            self._batches.clear()
            self._held = 0

    def batches(self) -> list[SpanRecords]:
        """Return the batches, oldest first."""
        with self._lock:
            return list(self._batches)

    @property
    def memory_bytes(self) -> int:
        """Memory that the records hold."""
        return self._held * RECORD_BYTES
