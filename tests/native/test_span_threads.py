"""Many threads and tasks under spans."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from inference_bench._native import SpanRecorder, begin, end, mark, span


@pytest.mark.parametrize(("capacity", "mode"), [(1 << 20, "discard"), (20_000, "discard"), (20_000, "overwrite")])
def test_eight_threads_account_for_every_span(capacity, mode):
    recorder = SpanRecorder(capacity=capacity, mode=mode)
    shared, each = span("shared"), 20_000
    native_ids = []

    def work(name: str) -> None:
        native_ids.append(threading.get_native_id())
        for number in range(each // 2):
            with shared:
                pass
            with span(name, number):
                pass

    drained = []
    with recorder:
        threads = [threading.Thread(target=work, args=(f"thread {i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            drained.append(recorder.drain())
            threads[0].join(0.001)
        for thread in threads:
            thread.join()
    drained.append(recorder.drain())
    counts = recorder.counts()
    table = pa.concat_tables([pa.table(part).cast(PLAIN) for part in drained])
    assert counts["recorded"] == len(table)
    assert counts["recorded"] + counts["lost"] == 8 * each
    if capacity >= 8 * each:
        assert counts["lost"] == 0
        assert Counter(table["name"].to_pylist())["shared"] == 8 * each // 2
    assert set(table["thread"].to_pylist()) <= set(native_ids)
    # A thread's own records come in the order in which it made them, each once.
    for number in range(8):
        values = table.filter(pa.compute.equal(table["name"], f"thread {number}"))["value"].to_numpy()
        assert (np.diff(values) > 0).all()
    assert (table["end_ns"].to_numpy() >= table["begin_ns"].to_numpy()).all()


PLAIN = pa.schema(
    [
        ("name", pa.string()),
        ("kind", pa.string()),
        ("thread", pa.int32()),
        ("id", pa.uint64()),
        ("value", pa.int64()),
        ("begin_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("raised", pa.uint8()),
    ]
)


def test_ten_thousand_tasks_account_for_every_span(recorder):
    shared = span("one of many")

    @span("coroutine")
    async def co(number: int) -> None:
        with shared:
            await asyncio.sleep(0)
            with shared:
                await asyncio.sleep(0)
        begin("id", number)
        await asyncio.sleep(0)
        end("id", number)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(10_000):
                group.create_task(co(number))

    asyncio.run(main())
    drained = recorder.drain()
    assert len(drained) == 50_000
    counts = recorder.counts()
    assert (counts["lost"], counts["open"], counts["unmatched_begins"], counts["unmatched_ends"]) == (0, 0, 0, 0)
    found = pa.table(drained.spans())
    assert Counter(found["name"].to_pylist()) == {"one of many": 20_000, "coroutine": 10_000, "id": 10_000}
    ids = found.filter(pa.compute.equal(found["name"], "id"))["id"].to_pylist()
    assert sorted(ids) == list(range(10_000))


def test_threads_that_end_give_their_chunks_back():
    recorder = SpanRecorder(capacity=100_000)
    with recorder:
        for number in range(500):  # each holds 2,046 records' room while it lives
            thread = threading.Thread(target=mark, args=("brief", number))
            thread.start()
            thread.join()
            if number % 20 == 19:
                recorder.drain()
    assert recorder.counts()["recorded"] == 500
    assert recorder.counts()["lost"] == 0
