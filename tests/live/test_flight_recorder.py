"""The flight recorder's memory, at low rates and at full speed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference_bench import _native
from inference_bench.live import Profiler
from inference_bench.live.flight_recorder import BATCH_RECORD_BYTES, FlightRecorder


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def batches(number, records, of="flight"):
    span = _native.span(of)
    with _native.SpanRecorder(4096, "overwrite") as recorder:
        for _ in range(number):
            for _ in range(records):
                with span:
                    pass
            yield recorder.drain()


@pytest.mark.parametrize("records", [1, 2, 10, 100, 1000])
def test_memory_is_bounded_in_bytes_at_any_rate(records):
    flight = FlightRecorder(5_000)
    for batch in batches(600, records):
        flight.add(batch)
        assert flight.memory_bytes <= flight.limit_bytes == 5_000 * BATCH_RECORD_BYTES
    kept = flight.batches()
    assert flight.memory_bytes == sum(batch.memory_bytes for batch in kept)
    assert sum(map(len, kept)) <= 5_000
    assert len(kept[-1]) == records


def test_a_batch_above_the_limit_stays_until_the_next():
    flight = FlightRecorder(10)
    (large,) = batches(1, 100)
    flight.add(large)
    assert flight.batches() == [large]
    (small,) = batches(1, 1)
    flight.add(small)
    assert flight.batches() == [small]


def test_small_batches_hold_what_they_say():
    held = list(batches(100, 1))
    before = rss_bytes()
    held += batches(20_000, 1)
    stated = sum(batch.memory_bytes for batch in held)

    assert rss_bytes() - before < 1.5 * stated + 4_000_000
    assert stated < 20_000 * 1024


def test_a_quiet_server_stays_below_the_limit_that_was_stated():
    with Profiler("quiet", records=4096, flight_records=8192, max_series=16) as profiler:
        span = profiler.span("a request now and then")
        for _ in range(200):
            with span:
                pass
            profiler.collect()
        before, limit = rss_bytes(), profiler.memory_limit_bytes
        for _ in range(10_000):
            with span:
                pass
            profiler.collect()
        snapshot = profiler.snapshot()

    assert snapshot.memory_bytes <= limit
    assert rss_bytes() - before < limit
