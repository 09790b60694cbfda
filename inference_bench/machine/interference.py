"""Whether the kernel or the garbage collector interfered with an iteration."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from inference_bench._native import interruptions

if TYPE_CHECKING:
    from types import TracebackType

PREEMPTED, DISK, COLLECTED = "preempted", "disk", "gc"


class Interference:
    """Context manager that reports what interrupted this process between ``begin`` and ``words``.

    It reads the process's counters twice, outside the timed interval, in half a microsecond each. The counters cover
    all threads and the whole iteration, not single samples in it.
    """

    def __enter__(self) -> Interference:
        """Start counting garbage collections."""
        self._collections = 0
        gc.callbacks.append(self._collected)
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting."""
        gc.callbacks.remove(self._collected)

    def begin(self) -> None:
        """Start a new interval."""
        self._before = interruptions()
        self._collections = 0

    def words(self) -> str:
        """Return what happened since ``begin``: ``preempted`` (an involuntary context switch), ``disk`` (a page fault
        that waited for the disk), ``gc`` (a garbage collection), joined by ``+``; empty if nothing did.
        """
        now = interruptions()
        if now == self._before and not self._collections:
            return ""
        (preemptions, disk_faults), (preemptions_before, disk_faults_before) = now, self._before
        happened = {
            PREEMPTED: preemptions > preemptions_before,
            DISK: disk_faults > disk_faults_before,
            COLLECTED: self._collections > 0,
        }
        return "+".join(word for word, did in happened.items() if did)

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        self._collections += phase == "start"
