"""The flight recorder: the last records, kept so that a trace can be asked for after something happened."""

from __future__ import annotations

import threading
from collections import deque

from inference_bench._native import SpanRecords

RECORD_BYTES = 32


class FlightRecorder:
    """Keeps drained records, the newest ``capacity`` of them; whole batches leave at the old end."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._batches: deque[SpanRecords] = deque()
        self._held = 0
        self.after_fork()

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent may have held."""
        self._lock = threading.Lock()

    def add(self, batch: SpanRecords) -> None:
        """Add a batch; one that alone exceeds the capacity is kept until the next comes."""
        with self._lock:
            self._batches.append(batch)
            self._held += len(batch)
            while self._held > self.capacity and len(self._batches) > 1:
                self._held -= len(self._batches.popleft())

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._batches.clear()
            self._held = 0

    def batches(self) -> list[SpanRecords]:
        """Return what is held, oldest first."""
        with self._lock:
            return list(self._batches)

    @property
    def memory_bytes(self) -> int:
        """What the records take."""
        return self._held * RECORD_BYTES
