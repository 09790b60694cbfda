"""Memory gauges beside a running profiler."""

from __future__ import annotations

import os
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


def test_a_forked_child_has_a_peak_of_its_own(profiler):
    memory = profiler.attach_memory(interval_ns=1_000_000)
    block = bytearray(200_000_000)
    time.sleep(0.05)
    peak = profiler.snapshot().as_plain()["gauges"]["rss_peak_sampled_bytes"]
    del block
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            time.sleep(0.05)
            gauges = profiler.snapshot().as_plain()["gauges"]
            own = gauges["rss_peak_sampled_bytes"]
            sampled = len(memory.columns()["rss_bytes"])
            status = int(not (gauges["rss_bytes"] <= own < peak - 100_000_000 and sampled > 0))
        finally:
            os._exit(status)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert profiler.snapshot().as_plain()["gauges"]["rss_peak_sampled_bytes"] >= peak


def test_the_peak_stays_when_the_buffer_is_replaced(profiler, monkeypatch):
    monkeypatch.setattr("inference_bench.live.memory_gauges._CAPACITY", 8)
    profiler.attach_memory(interval_ns=1_000_000)
    block = bytearray(100_000_000)
    time.sleep(0.05)
    peak = profiler.snapshot().as_plain()["gauges"]["rss_peak_sampled_bytes"]
    del block
    for _ in range(3):
        time.sleep(0.02)
        assert profiler.snapshot().as_plain()["gauges"]["rss_peak_sampled_bytes"] == peak
