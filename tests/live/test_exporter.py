"""The exporters' queue, and what they share with a forked child."""

from __future__ import annotations

import os

import pytest

from inference_bench.live.exporter import Exporter
from inference_bench.live.flight_recorder import BATCH_RECORD_BYTES


class Failing(Exporter):
    """Never exports anything."""

    def __init__(self, profiler, queue_records):
        super().__init__(profiler, "failing", 3600.0, queue_records)

    def export(self, batches):
        raise ConnectionError("no")


@pytest.mark.parametrize("spans", [1, 7, 200])
def test_the_queue_is_bounded_in_bytes_and_counts_what_it_drops(profiler, spans):
    exporter = Failing(profiler, 2_000)
    profiler.add_listener(exporter._take)
    span = profiler.span("work")
    for _ in range(400):
        for _ in range(spans):
            with span:
                pass
        profiler.collect()

    waiting = list(exporter._queue)
    assert sum(batch.memory_bytes for batch in waiting) <= 2_000 * BATCH_RECORD_BYTES
    assert sum(map(len, waiting)) <= 2_000
    assert sum(map(len, waiting)) + exporter._dropped.value == 400 * spans


def test_a_listener_that_raises_is_removed_and_the_others_go_on(profiler, caplog):
    taken = []

    def broken(batch):
        raise RuntimeError("no")

    profiler.add_listener(broken)
    profiler.add_listener(taken.append)
    for _ in range(3):
        with profiler.span("work"):
            pass
        profiler.collect()

    assert sum(map(len, taken)) == 3
    assert profiler.snapshot().histogram("work").total == 3
    assert len([record for record in caplog.records if "removed" in record.message]) == 1


def test_a_child_has_no_thread_until_it_starts_its_own(profiler):
    exporter = Failing(profiler, 100).start()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            exporter.stop()  # the parent's: nothing to do
            exporter.start()
            exporter.stop()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    exporter.stop()
