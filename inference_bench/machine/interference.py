"""What came between: whether the kernel or the garbage collector interfered with an iteration."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from inference_bench._native import interruptions

if TYPE_CHECKING:
    from types import TracebackType

PREEMPTED, DISK, COLLECTED = "preempted", "disk", "gc"


class Interference:
    """Tells what happened to this process between ``begin`` and ``words``; a context manager.

    Two readings of the process's counters, of half a microsecond each, outside of what is timed. The counters are
    those of all threads, and speak of the iteration, not of the sample within it.
    """

    def __enter__(self) -> Interference:
        """Count garbage collections from now on."""
        self._collections = 0
        gc.callbacks.append(self._collected)
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Count no more."""
        gc.callbacks.remove(self._collected)

    def begin(self) -> None:
        """Forget what has been."""
        self._before = interruptions()
        self._collections = 0

    def words(self) -> str:
        """Return what happened since: ``preempted`` (an involuntary context switch), ``disk`` (a page fault that waited
        for it), ``gc`` (a garbage collection), joined by ``+``; empty if nothing did.
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
