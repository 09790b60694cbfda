"""Records as Arrow data and through the buffer protocol."""

from __future__ import annotations

import gc

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from inference_bench._native import SpanRecorder, mark, span


def test_arrow_and_buffers_show_the_same_without_a_copy(recorder):
    for number in range(5_000):
        with span("a" if number % 2 else "b", number):
            pass
    drained = recorder.drain()
    table = drained.records()
    assert len(drained) == len(table) == 5_000
    assert table.column_names == ["name", "kind", "thread", "id", "value", "begin_ns", "end_ns", "raised"]
    batch = pa.record_batch(table)
    batch.validate(full=True)
    assert pa.table(drained) == pa.table(table) == pa.Table.from_batches([batch])
    for name, view in table.columns().items():
        numbers = np.asarray(view)
        assert not numbers.flags.writeable
        arrow = batch.column(name)
        arrow = arrow.indices if isinstance(arrow, pa.DictionaryArray) else arrow
        assert arrow.buffers()[1].address == numbers.ctypes.data
        assert arrow.to_numpy().tolist() == numbers.tolist()
    assert table.labels("value") is None
    assert table.labels("kind") == ["span", "begin", "end", "instant", "counter"]
    labels = table.labels("name")
    assert [labels[i] for i in table.column("name")[:4]] == ["b", "a", "b", "a"]
    with pytest.raises(KeyError, match="no column 'nope'; there are name, kind"):
        table.column("nope")


def test_exports_outlive_what_they_came_from():
    recorder = SpanRecorder()
    with recorder:
        for number in range(100):
            mark("x", number)
    drained = recorder.drain()
    table, column = pa.table(drained), np.asarray(drained.records().column("value"))
    stream = drained.__arrow_c_stream__()
    del drained, recorder
    gc.collect()
    assert table["value"].to_pylist() == column.tolist() == list(range(100))
    assert table["name"].to_pylist() == ["x"] * 100
    del stream  # nobody imported it
    gc.collect()


def test_an_empty_drain_is_an_empty_table():
    drained = SpanRecorder(capacity=1).drain()
    assert pa.table(drained).num_rows == 0
    assert pa.table(drained.spans()).num_rows == 0
    assert pa.record_batch(drained.spans()).schema.names == [
        "name",
        "thread",
        "id",
        "value",
        "begin_ns",
        "duration_ns",
        "raised",
    ]
