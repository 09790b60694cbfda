"""Memory gauges of a live profiler, from the native sampler."""

from __future__ import annotations

import inference_bench._native as _native

_CAPACITY = 65_536


class AttachedMemory:
    """Samples this process's memory at an interval in a native thread; a full buffer is replaced by a new one.

    A forked child has no sampler and reads its memory at each snapshot only.
    """

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._peak_bytes = 0
        self._sampler = self._start()

    def _start(self) -> _native.MemorySampler:
        sampler = _native.MemorySampler(interval_ns=self._interval_ns, capacity=_CAPACITY)
        sampler.start()
        return sampler

    def stop(self) -> None:
        """End the thread."""
        self._sampler.stop()

    def columns(self) -> dict[str, memoryview]:
        """Return the sampler's columns: ``time_ns``, ``rss_bytes``, ``probe_cost_ns`` …"""
        return self._sampler.columns()

    def gauges(self) -> dict[str, float]:
        """Return the present RSS, the largest sampled RSS, and the kernel's high-water mark."""
        found: dict[str, float] = {}
        rss_bytes, hwm_bytes = _native.rss_bytes(), _native.hwm_bytes()
        columns = self._sampler.columns()
        if self._sampler.stats()["samples"] >= _CAPACITY and self._sampler.running:
            self._peak_bytes = max(self._peak_bytes, *columns["rss_bytes"])
            self._sampler.stop()
            self._sampler = self._start()
            columns = self._sampler.columns()
        if rss_bytes is not None:
            self._peak_bytes = max([self._peak_bytes, rss_bytes, *columns["rss_bytes"]])
            found |= {"rss_bytes": float(rss_bytes), "rss_peak_sampled_bytes": float(self._peak_bytes)}
        if hwm_bytes is not None:
            found["rss_peak_hwm_bytes"] = float(hwm_bytes)
        return found
