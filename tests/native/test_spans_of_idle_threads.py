"""Threads that idle keep their chunks; threads beyond the number of chunks share room and lose nothing."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter

import pytest

from inference_bench._native import SpanRecorder, span


def in_rounds(threads, rounds, between):
    """Run ``work`` of each thread once per round, with all threads alive until the end."""
    gate = threading.Barrier(threads + 1)
    one = span("idle threads")

    def work():
        with contextlib.suppress(threading.BrokenBarrierError):
            for _ in range(rounds):
                gate.wait(30)
                for _ in range(20):
                    with one:
                        pass
                gate.wait(30)
            gate.wait(30)

    started = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    try:
        for _ in range(rounds):
            gate.wait(30)
            gate.wait(30)
            between()
        gate.wait(30)
    except BaseException:
        gate.abort()
        raise
    for thread in started:
        thread.join()


@pytest.mark.parametrize("threads", [1, 5, 6, 7, 70, 300])
def test_every_thread_is_seen_however_many_idle(threads):
    rows = Counter()
    with SpanRecorder(8192, "overwrite") as recorder:  # six chunks

        def read():
            counts = recorder.counts()
            drained = recorder.drain()
            assert counts["waiting"] == len(drained) == threads * 20
            rows.update(drained.records().column("thread").tolist())

        in_rounds(threads, 5, read)
        assert recorder.counts()["lost"] == 0
        assert recorder.counts()["recorded"] == threads * 100
    assert sorted(rows.values()) == [100] * threads


def test_what_is_shared_is_bounded_and_its_loss_is_counted():
    with SpanRecorder(4096, "overwrite") as recorder:
        in_rounds(300, 4, lambda: None)
        counts = recorder.counts()
        drained = recorder.drain()

    assert counts["memory_bytes"] < 4 * 65_536 + 4096 * 60  # four chunks
    assert counts["overwritten"] > 0
    assert len(drained) + counts["overwritten"] == 300 * 80


def test_a_recorder_that_discards_stays_within_its_capacity():
    with SpanRecorder(4096, "discard") as recorder:
        in_rounds(10, 1, lambda: None)
        counts = recorder.counts()

    assert counts["recorded"] == 4 * 20
    assert counts["lost_full"] == 6 * 20


def test_a_snapshot_shows_what_is_shared_and_takes_nothing():
    with SpanRecorder(4096, "overwrite") as recorder:
        in_rounds(10, 1, lambda: None)
        assert len(recorder.snapshot()) == len(recorder.snapshot()) == len(recorder.drain()) == 200
        assert len(recorder.drain()) == 0


def test_a_fork_keeps_what_is_shared():
    with SpanRecorder(4096, "overwrite") as recorder:

        def fork():
            pid = os.fork()
            if pid == 0:
                os._exit(len(recorder.drain()) % 256)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 200

        in_rounds(10, 1, fork)


@pytest.mark.parametrize("records", [0, 1, 2, 100, 3000])
def test_a_batch_has_the_size_of_its_records(records):
    one = span("sizes")
    with SpanRecorder(8192, "overwrite") as recorder:
        for _ in range(records):
            with one:
                pass
        drained = recorder.drain()

    assert len(drained) == records
    assert records * 42 <= drained.memory_bytes <= records * 42 + 1024
    table = drained.records()
    assert all(len(table.column(name)) == records for name in table.column_names)
    assert table.labels("name") is not None


def test_batches_know_the_names_that_came_before_them():
    with SpanRecorder(4096) as recorder:
        batches = []
        for number in range(5):
            with span(f"a name of its own {number}"):
                pass
            batches.append(recorder.drain())

    for number, batch in enumerate(batches):
        table = batch.records()
        (name,) = table.column("name").tolist()
        assert table.labels("name")[name] == f"a name of its own {number}"
