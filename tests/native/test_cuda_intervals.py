"""Intervals of the CUDA event timer, against a double of the driver."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_bench import _native
from tests.cuda_timing import BELOW, FAILED, ILLEGAL_ADDRESS, MS, NO_TIME, OK, STREAM, US, S, rows, time_work
from tests.doubles import Double

# ---- intervals


def test_columns(cuda: Double):
    timer = _native.CudaEventTimer(8)
    before = _native.now_ns()
    ids = [time_work(cuda, timer, (i + 1) * MS, STREAM + i, calls=i + 1) for i in range(3)]
    after = _native.now_ns()
    cuda.advance(S)
    columns = timer.collect()
    assert {name: column.format for name, column in columns.items()} == {
        "id": "q",
        "stream": "Q",
        "calls": "q",
        "host_begin_ns": "q",
        "host_ns": "q",
        "gpu_begin_ns": "q",
        "gpu_ns": "q",
        "gap_ns": "q",
        "status": "H",
        "error": "H",
    }
    assert all(column.readonly for column in columns.values())
    got = rows(columns)
    assert got["id"] == ids == [0, 1, 2]
    assert got["stream"] == [STREAM, STREAM + 1, STREAM + 2]
    assert got["calls"] == [1, 2, 3]
    assert got["gpu_ns"] == [MS, 2 * MS, 3 * MS]
    assert got["gap_ns"] == [host - gpu for host, gpu in zip(got["host_ns"], got["gpu_ns"], strict=True)]
    assert got["status"] == got["error"] == [0, 0, 0]
    assert before <= got["host_begin_ns"][0] < got["host_begin_ns"][1] < got["host_begin_ns"][2] <= after
    assert rows(timer.collect())["id"] == []


def test_stream_handles_reach_the_driver(cuda: Double):
    timer = _native.CudaEventTimer(4)
    for stream in (0, 1, 2, 2**64 - 1):
        time_work(cuda, timer, MS, stream)
    cuda.advance(S)
    assert timer.collect()["stream"].tolist() == [0, 1, 2, 2**64 - 1]


def test_measuring_creates_no_events(cuda: Double):
    timer = _native.CudaEventTimer(10)
    created = cuda.calls(b"cuEventCreate")
    for _ in range(3):
        for _ in range(10):
            time_work(cuda, timer, MS)
        cuda.advance(S)
        assert len(timer.collect()["id"]) == 10
    assert cuda.calls(b"cuEventCreate") == created
    assert timer.describe()["exhausted"] == 0


def test_an_exhausted_pool_counts_what_it_loses_and_is_doubled_by_collect(cuda: Double):
    timer = _native.CudaEventTimer(2)
    created = cuda.calls(b"cuEventCreate")
    for _ in range(5):
        time_work(cuda, timer, MS)
    assert cuda.calls(b"cuEventCreate") == created
    cuda.advance(S)
    assert timer.collect()["id"].tolist() == [0, 1]
    about = timer.describe()
    assert (about["begun"], about["exhausted"], about["grown"], about["capacity"]) == (5, 3, 1, 4)
    for _ in range(4):
        time_work(cuda, timer, MS)
    cuda.advance(S)
    assert timer.collect()["id"].tolist() == [5, 6, 7, 8]
    assert timer.describe()["grown"] == 1


def test_a_pool_that_cannot_grow_says_so_and_goes_on(cuda: Double):
    timer = _native.CudaEventTimer(1)
    time_work(cuda, timer, MS)
    time_work(cuda, timer, MS)
    cuda.advance(S)
    cuda.fail(b"cuEventCreate", 2, 1)
    assert len(timer.collect()["id"]) == 1
    assert timer.describe()["growth_error"] == "cuEventCreate: CUDA_ERROR_OUT_OF_MEMORY (2)"
    time_work(cuda, timer, MS)
    assert len(timer.collect(wait=False)["id"]) == 0
    cuda.advance(S)
    assert len(timer.collect()["id"]) == 1


@pytest.mark.parametrize(
    ("ns", "calls", "status"),
    [
        (0, 1, BELOW),
        (19 * US, 1, BELOW),
        (20 * US, 1, OK),
        (20 * US, 2, BELOW),
        (49 * US, 100, BELOW),
        (50 * US, 100, OK),
    ],
)
def test_below_event_resolution(cuda: Double, ns: int, calls: int, status: int):
    timer = _native.CudaEventTimer(1)
    time_work(cuda, timer, ns, calls=calls)
    cuda.advance(S)
    got = rows(timer.collect())
    assert got["status"] == [status]
    assert got["gpu_ns"] == [pytest.approx(ns, abs=1)]


def test_intervals_end_by_id_never_by_nesting(cuda: Double):
    timer = _native.CudaEventTimer(4)
    first = timer.begin(STREAM)
    cuda.launch(STREAM, MS)
    second = timer.begin(STREAM + 1)
    cuda.launch(STREAM + 1, MS)
    with pytest.raises(RuntimeError, match=r"2 intervals are open: give end\(\) what begin\(\) returned"):
        timer.end()
    timer.end(first)
    cuda.launch(STREAM + 1, MS)
    timer.end()
    cuda.advance(S)
    got = rows(timer.collect())
    assert dict(zip(got["id"], got["gpu_ns"], strict=True)) == {first: MS, second: 2 * MS}


def test_an_open_interval_survives_collect(cuda: Double):
    timer = _native.CudaEventTimer(2)
    timer.begin(STREAM)
    assert rows(timer.collect())["id"] == []
    cuda.launch(STREAM, MS)
    timer.end()
    cuda.advance(S)
    assert rows(timer.collect())["gpu_ns"] == [MS]


def test_wrong_ends(cuda: Double):
    timer = _native.CudaEventTimer(2)
    with pytest.raises(RuntimeError, match=r"end\(\) without begin\(\): no interval is open"):
        timer.end()
    interval = timer.begin(STREAM)
    with pytest.raises(ValueError, match=r"no interval 17 is open: it was never begun, or has ended"):
        timer.end(17)
    timer.end(interval)
    with pytest.raises(ValueError, match="no interval 0 is open"):
        timer.end(interval)


def test_at_most_256_are_open(cuda: Double):
    timer = _native.CudaEventTimer(300)
    ids = [timer.begin(STREAM) for _ in range(256)]
    with pytest.raises(RuntimeError, match=r"256 intervals are open, which is the most: end\(\) some first"):
        timer.begin(STREAM)
    for interval in ids:
        timer.end(interval)
    assert timer.collect()["id"].tolist() == ids


@pytest.mark.parametrize("stream", [-1, 2**64, 10**30])
def test_stream_out_of_range(cuda: Double, stream: int):
    with pytest.raises(ValueError, match=rf"stream must be from 0 to 18446744073709551615; given {stream}"):
        _native.CudaEventTimer(1).begin(stream)


@pytest.mark.parametrize("stream", [None, 1.0, "0", float("nan")])
def test_stream_of_a_wrong_type(cuda: Double, stream: Any):
    with pytest.raises(TypeError, match="stream must be an int; given"):
        _native.CudaEventTimer(1).begin(stream)


@pytest.mark.parametrize("calls", [0, -1, 2**31, 2**63])
def test_calls_out_of_range(cuda: Double, calls: int):
    with pytest.raises(ValueError, match="calls must be from 1 to 1000000000; given"):
        _native.CudaEventTimer(1).begin(0, calls)


@pytest.mark.parametrize("capacity", [0, -1, 2**20 + 1, 2**63, 2**64])
def test_capacity_out_of_range(cuda: Double, capacity: int):
    with pytest.raises(ValueError, match=f"capacity must be from 1 to 1048576; given {capacity}"):
        _native.CudaEventTimer(capacity)


def test_wrong_arguments(cuda: Double):
    timer: Any = _native.CudaEventTimer(1)
    for call in (
        lambda: timer.begin(),
        lambda: timer.begin(0, 1, 2),
        lambda: timer.end(0, 0),
        lambda: timer.end("0"),
        lambda: timer.collect(1, 2),
        lambda: _native.CudaEventTimer("4"),  # type: ignore[arg-type]
        lambda: _native.CudaEventTimer(4, device=1.0),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="device must be from 0 to 1023; given -1"):
        _native.CudaEventTimer(4, device=-1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), reader=st.booleans())
def test_any_interleaving_yields_each_interval_once(cuda: Double, data: st.DataObject, reader: bool):
    """Against a plain model: what is open, what ran on each stream meanwhile, what found no events."""
    cuda.reset()
    capacity = data.draw(st.integers(1, 4))
    timer = _native.CudaEventTimer(capacity, reader=reader)
    open_: dict[int, tuple[int, int]] = {}
    work: dict[int, int] = {}
    expected: dict[int, int] = {}
    got: dict[int, int] = {}

    def collect() -> None:
        cuda.advance(S)
        columns = rows(timer.collect())
        assert columns["id"] == sorted(columns["id"])
        assert not got.keys() & set(columns["id"])
        got.update(zip(columns["id"], columns["gpu_ns"], strict=True))

    for _ in range(data.draw(st.integers(0, 30))):
        step = data.draw(st.sampled_from(["begin", "launch", "end", "collect"]))
        stream = data.draw(st.integers(1, 3))
        if step == "begin":
            # A stream's events lie on its own axis only while it is busy: begin where the device stands.
            open_[timer.begin(stream)] = (stream, work.get(stream, 0))
        elif step == "launch":
            cuda.launch(stream, MS)
            work[stream] = work.get(stream, 0) + MS
        elif step == "end" and open_:
            interval = data.draw(st.sampled_from(sorted(open_)))
            on, before = open_.pop(interval)
            timer.end(interval)
            expected[interval] = work.get(on, 0) - before
        elif step == "collect" and not open_:
            collect()
    for interval, (on, before) in open_.items():
        timer.end(interval)
        expected[interval] = work.get(on, 0) - before
    collect()
    assert all(got[interval] == pytest.approx(expected[interval], abs=1) for interval in got)
    about = timer.describe()
    assert len(got) + about["exhausted"] == len(expected) == about["begun"]


# ---- errors of the device


@pytest.mark.parametrize("function", ["cuEventRecord", "cuEventQuery", "cuEventElapsedTime_v2"])
def test_an_error_is_the_status_of_one_interval(cuda: Double, function: str):
    timer = _native.CudaEventTimer(4)
    time_work(cuda, timer, MS)
    cuda.advance(S)
    assert rows(timer.collect())["status"] == [OK]
    cuda.fail(function.encode(), ILLEGAL_ADDRESS, 1)
    time_work(cuda, timer, MS)
    time_work(cuda, timer, MS)
    cuda.advance(S)
    got = rows(timer.collect())
    assert got["status"] == [FAILED, OK]
    assert got["error"] == [ILLEGAL_ADDRESS, 0]
    assert got["gpu_ns"] == [NO_TIME, MS]
    assert got["gpu_begin_ns"][0] == got["gap_ns"][0] == NO_TIME
    assert got["host_ns"][0] > 0
    assert timer.describe()["failed"] == 1


@pytest.mark.parametrize("reader", [False, True])
def test_a_sticky_error_marks_every_interval_after_it(cuda: Double, reader: bool):
    timer = _native.CudaEventTimer(8, reader=reader)
    time_work(cuda, timer, MS)
    cuda.advance(S)
    first = rows(timer.collect())
    time_work(cuda, timer, MS)  # recorded before, read after
    cuda.stick(ILLEGAL_ADDRESS)
    time_work(cuda, timer, MS)
    got = rows(timer.collect())
    assert first["status"] == [OK]
    assert got["status"] == [FAILED, FAILED]
    assert got["error"] == [ILLEGAL_ADDRESS, ILLEGAL_ADDRESS]
    cuda.stick(0)
    assert timer.describe()["anchor_error"] == "CUDA_ERROR_ILLEGAL_ADDRESS (700)"
    time_work(cuda, timer, MS)
    cuda.advance(S)
    assert rows(timer.collect())["status"] == [OK]
    assert timer.describe()["anchor_error"] is None
