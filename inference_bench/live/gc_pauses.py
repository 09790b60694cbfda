"""Pauses of Python's garbage collector."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import inference_bench._native as _native

if TYPE_CHECKING:
    from inference_bench.live.profiler import Profiler


class GcPauses:
    """Observes the duration of each collection in the histogram ``gc_pause``, by generation."""

    def __init__(self, profiler: Profiler) -> None:
        self._observe = [profiler.histogram("gc_pause", generation=number).observe_ns for number in range(3)]
        self._began_ns = 0

    def start(self) -> None:
        """Start observing. Does nothing if started already."""
        if self._called not in gc.callbacks:
            gc.callbacks.append(self._called)

    def stop(self) -> None:
        """Stop observing."""
        if self._called in gc.callbacks:
            gc.callbacks.remove(self._called)

    def _called(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began_ns = _native.now_ns()
        elif self._began_ns:
            self._observe[min(info["generation"], 2)](_native.now_ns() - self._began_ns)
            self._began_ns = 0
