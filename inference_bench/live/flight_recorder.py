"""Flight recorder: keeps the last records, so that a trace can be drawn after an incident."""

from __future__ import annotations

import threading
from collections import deque

from inference_bench._native import SpanRecords

BATCH_RECORD_BYTES = 66
"""Largest share of a record in the memory of a large batch: its columns, and half of a pair of halves."""


class FlightRecorder:
    """Keeps the newest drained records: at most ``capacity``, in at most ``limit_bytes``; drops the oldest batches.

    A batch has a fixed part besides its records, so a quiet server, whose batches are small, keeps fewer of them.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.limit_bytes = capacity * BATCH_RECORD_BYTES
        self._batches: deque[SpanRecords] = deque()
        self._held = 0
        self._held_bytes = 0
        self.replace_lock()

    def replace_lock(self) -> None:
        """Replace the lock, which another thread of the parent may have held during a fork."""
        self._lock = threading.Lock()

    def add(self, batch: SpanRecords) -> None:
        """Add a batch. A batch above a limit stays until the next one comes."""
        with self._lock:
            self._batches.append(batch)
            self._held += len(batch)
            self._held_bytes += batch.memory_bytes
            while (self._held > self.capacity or self._held_bytes > self.limit_bytes) and len(self._batches) > 1:
                oldest = self._batches.popleft()
                self._held -= len(oldest)
                self._held_bytes -= oldest.memory_bytes

    def clear(self) -> None:
        """Drop all records."""
        with self._lock:
            self._batches.clear()
            self._held = self._held_bytes = 0

    def batches(self) -> list[SpanRecords]:
        """Return the batches, oldest first."""
        with self._lock:
            return list(self._batches)

    @property
    def memory_bytes(self) -> int:
        """Memory that the batches hold."""
        return self._held_bytes
