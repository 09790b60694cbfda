"""Memory gauges beside a running profiler."""

from __future__ import annotations

import time

import pytest

from inference_bench.errors import UsageError


def test_attached_memory_shows_in_the_gauges(profiler):
    profiler.attach_memory(interval_ns=1_000_000)
    block = bytearray(50_000_000)
    time.sleep(0.05)

    gauges = profiler.snapshot().as_plain()["gauges"]

    assert gauges["rss_peak_sampled_bytes"] >= gauges["rss_bytes"] > len(block)
    assert gauges["rss_peak_hwm_bytes"] > len(block)
    with pytest.raises(UsageError, match="attached already"):
        profiler.attach_memory()
