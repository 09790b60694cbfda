"""Memory gauges of a live profiler, from the native sampler."""

from __future__ import annotations

from typing import ClassVar

import inference_bench._native as _native

_CAPACITY = 65_536
_SAMPLE_BYTES = 34


class AttachedMemory:
    """Samples this process's memory at an interval in a native thread; a full buffer is replaced by a new one.

    A forked child gets a sampler of its own, without the samples and the peak of the parent.
    """

    GAUGES: ClassVar = ("rss_bytes", "rss_peak_sampled_bytes", "rss_peak_hwm_bytes")

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._stopped = False
        self._begin()

    def _begin(self) -> None:
        self._peak_bytes = 0
        self._looked_at = 0
        self._sampler = self._start()

    def _start(self) -> _native.MemorySampler:
        sampler = _native.MemorySampler(interval_ns=self._interval_ns, capacity=_CAPACITY)
        sampler.start()
        return sampler

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._sampler.stop()

    def restart_in_child(self) -> None:
        """Begin anew in a forked child: samples and peak are the parent's, and its thread is gone."""
        if not self._stopped:
            self._begin()

    @property
    def memory_bytes(self) -> int:
        """Memory of the samples, taken when the sampler is made."""
        return _CAPACITY * _SAMPLE_BYTES

    def columns(self) -> dict[str, memoryview]:
        """Return the sampler's columns: ``time_ns``, ``rss_bytes``, ``probe_cost_ns`` …"""
        return self._sampler.columns()

    def gauges(self) -> dict[str, float]:
        """Return the present RSS, the largest sampled RSS, and the kernel's high-water mark."""
        found: dict[str, float] = {}
        rss_bytes, hwm_bytes = _native.rss_bytes(), _native.hwm_bytes()
        self._look()
        if self._looked_at >= _CAPACITY and self._sampler.running:
            self._sampler.stop()
            self._sampler, self._looked_at = self._start(), 0
        if rss_bytes is not None:
            self._peak_bytes = max(self._peak_bytes, rss_bytes)
            found |= {"rss_bytes": float(rss_bytes), "rss_peak_sampled_bytes": float(self._peak_bytes)}
        if hwm_bytes is not None:
            found["rss_peak_hwm_bytes"] = float(hwm_bytes)
        return found

    def _look(self) -> None:
        """Raise the peak by the samples that have come since the last look."""
        import numpy as np

        sampled = np.asarray(self._sampler.columns()["rss_bytes"])
        fresh = sampled[self._looked_at :]
        if len(fresh):
            self._peak_bytes = max(self._peak_bytes, int(fresh.max()))
            self._looked_at = len(sampled)
