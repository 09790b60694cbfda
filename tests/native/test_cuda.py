"""The CUDA event timer against a double of the driver (tests/native/doubles/libcuda_double.cpp).

What a real device does is in test_gpu_events.py.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_bench import _native
from tests.doubles import Double, build

US, MS, S = 1_000, 1_000_000, 1_000_000_000
NO_TIME = -(2**63)
OK, BELOW, FAILED = 0, 1, 2
ILLEGAL_ADDRESS = 700
STREAM = 0x7F00


@pytest.fixture
def cuda(cuda_double: Double, monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """The double, its clock standing still."""
    gc.collect()  # timers of earlier tests
    cuda_double.reset()
    monkeypatch.setenv("INFERENCE_BENCH_LIBCUDA", str(cuda_double.path))
    yield cuda_double
    cuda_double.reset()


def rows(columns: dict[str, memoryview]) -> dict[str, list[int]]:
    return {name: column.tolist() for name, column in columns.items()}


def time_work(cuda: Double, timer: _native.CudaEventTimer, ns: int, stream: int = STREAM, calls: int = 1) -> int:
    interval = timer.begin(stream, calls)
    cuda.launch(stream, ns)
    timer.end(interval)
    return interval


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCE_BENCH_LIBCUDA", str(path))


# ---- the driver


def test_available_says_which_driver_and_initialises_nothing(cuda: Double):
    assert _native.cuda_available() == (True, f"{cuda.path}, CUDA 13.0")
    assert cuda.calls(b"cuInit") == 0


def test_missing_driver(monkeypatch: pytest.MonkeyPatch):
    use(Path("/nonexistent.so"), monkeypatch)
    available, reason = _native.cuda_available()
    assert available is False
    assert "/nonexistent.so" in reason
    with pytest.raises(RuntimeError, match=r"CUDA cannot be used: no CUDA driver: /nonexistent\.so"):
        _native.CudaEventTimer()


@pytest.mark.parametrize("version", [11020, 11030, 12000])
def test_older_drivers(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without cuGetProcAddress, with its first version, and with its second but without cuEventElapsedTime_v2."""
    old = Double(build("libcuda_double", tmp_path / "old.so", f"DOUBLE_VERSION={version}"))
    use(old.path, monkeypatch)
    timer = _native.CudaEventTimer(4, reader=True)
    time_work(old, timer, 3 * MS)
    old.advance(S)
    assert timer.collect()["gpu_ns"].tolist() == [3 * MS]
    assert timer.describe()["driver_version"] == version
    assert old.calls(b"cuEventElapsedTime") > 0


def test_a_current_driver_is_asked_for_the_newer_elapsed_time(cuda: Double):
    _native.CudaEventTimer(1)
    assert cuda.calls(b"cuEventElapsedTime_v2") > 0
    assert cuda.calls(b"cuEventElapsedTime") == 0


def test_a_driver_without_a_needed_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = build("libcuda_double", tmp_path / "broken.so", "DOUBLE_NO_EVENT_QUERY")
    use(path, monkeypatch)
    available, reason = _native.cuda_available()
    assert (available, reason) == (False, f"{path} has no cuEventQuery: a CUDA driver of 11.0 or later is needed")


def test_a_driver_without_capture_modes_has_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old = Double(build("libcuda_double", tmp_path / "old.so", "DOUBLE_NO_CAPTURE_MODE"))
    use(old.path, monkeypatch)
    with pytest.raises(RuntimeError, match="use reader=False"):
        _native.CudaEventTimer(reader=True)
    timer = _native.CudaEventTimer()
    time_work(old, timer, MS)
    old.advance(S)
    assert timer.collect()["gpu_ns"].tolist() == [MS]


# ---- the context


def test_the_primary_context_is_retained_only_where_none_is_current(cuda: Double):
    timer = _native.CudaEventTimer(1)
    assert (cuda.primary_retained(), timer.describe()["retained_primary_context"]) == (1, True)
    context = ctypes.c_void_p()
    cuda.library.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
    cuda.library.cuCtxPushCurrent_v2(context)
    try:
        attached = _native.CudaEventTimer(1)
        assert (cuda.primary_retained(), attached.describe()["retained_primary_context"]) == (2, False)
    finally:
        cuda.library.cuCtxPopCurrent_v2(ctypes.byref(context))
        cuda.library.cuDevicePrimaryCtxRelease_v2(0)
    del timer, attached
    gc.collect()
    assert cuda.primary_retained() == 0


def test_no_context_is_left_current(cuda: Double):
    timer = _native.CudaEventTimer(1)
    time_work(cuda, timer, 0)
    timer.collect()
    del timer
    gc.collect()
    context = ctypes.c_void_p(1)
    assert cuda.library.cuCtxGetCurrent(ctypes.byref(context)) == 0
    assert context.value is None


def test_device(cuda: Double):
    cuda.set_devices(3)
    about = _native.CudaEventTimer(1, device=2).describe()
    assert (about["device"], about["device_name"], about["pci_bus_id"]) == (2, "Double 2", "0000:03:00.0")
    with pytest.raises(RuntimeError, match=r"device 3 does not exist: CUDA shows 3 device\(s\), numbered from 0"):
        _native.CudaEventTimer(1, device=3)


def test_no_device(cuda: Double):
    cuda.fail(b"cuCtxGetCurrent", 3, 1)
    cuda.fail(b"cuInit", 100, 1)
    with pytest.raises(RuntimeError, match=r"cuInit: CUDA_ERROR_NO_DEVICE \(100\)"):
        _native.CudaEventTimer()


def test_a_process_forked_by_someone_who_used_cuda_is_told(cuda: Double):
    cuda.fail(b"cuCtxGetCurrent", 3, 1)
    cuda.fail(b"cuInit", 3, 1)
    with pytest.raises(RuntimeError, match=r"CUDA_ERROR_NOT_INITIALIZED \(3\).*forked.*'spawn'"):
        _native.CudaEventTimer()


@pytest.mark.parametrize(
    ("function", "calls"),
    [("cuStreamCreate", 1), ("cuEventCreate", 7), ("cuEventRecord", 21), ("cuEventSynchronize", 10)],
)
def test_failing_to_make_a_timer_leaves_nothing(cuda: Double, function: str, calls: int):
    alive = cuda.events_alive()
    for successes in range(calls):
        cuda.fail_after(function.encode(), successes, 2)
        with pytest.raises(RuntimeError, match=r": CUDA_ERROR_OUT_OF_MEMORY \(2\)"):
            _native.CudaEventTimer(2)
    assert cuda.events_alive() == alive
    assert cuda.primary_retained() == 0


def test_events_are_destroyed_with_the_timer(cuda: Double):
    alive = cuda.events_alive()
    timer = _native.CudaEventTimer(10)
    assert cuda.events_alive() >= alive + 20
    del timer
    gc.collect()
    assert cuda.events_alive() == alive


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


# ---- order of reading


def test_only_the_oldest_of_each_stream_is_asked_for(cuda: Double):
    timer = _native.CudaEventTimer(100)
    for stream in (STREAM, STREAM + 1):
        for _ in range(40):
            time_work(cuda, timer, MS, stream)
    for _ in range(5):
        assert len(timer.collect(wait=False)["id"]) == 0
    assert cuda.events_queried() == 2
    assert timer.describe()["queries"] == 10


def test_streams_become_ready_out_of_order(cuda: Double):
    timer = _native.CudaEventTimer(8)
    slow = time_work(cuda, timer, 100 * MS, STREAM)
    behind = time_work(cuda, timer, MS, STREAM)
    fast = time_work(cuda, timer, MS, STREAM + 1)
    cuda.advance(10 * MS)
    assert rows(timer.collect(wait=False))["id"] == [fast]
    cuda.advance(S)
    got = rows(timer.collect())
    assert got["id"] == [slow, behind]
    assert got["gpu_ns"] == [100 * MS, pytest.approx(MS, abs=8)]


def test_more_streams_than_queues(cuda: Double):
    timer = _native.CudaEventTimer(200)
    for i in range(200):
        time_work(cuda, timer, MS, STREAM + i)
    cuda.advance(S)
    assert timer.collect()["id"].tolist() == list(range(200))


def test_collect_waits_for_the_device(cuda: Double):
    timer = _native.CudaEventTimer(2)
    time_work(cuda, timer, 5 * MS)
    cuda.run_clock(1.0)
    assert rows(timer.collect())["gpu_ns"] == [5 * MS]


def test_collect_that_waits_can_be_interrupted(cuda: Double):
    """The clock stands still: the device never ends its work."""
    timer = _native.CudaEventTimer(2)
    time_work(cuda, timer, 5 * MS)
    code = threading.Timer(0.15, lambda: os.kill(os.getpid(), 2))
    code.start()
    with pytest.raises(KeyboardInterrupt):
        timer.collect()
    code.join()
    cuda.advance(S)
    assert rows(timer.collect())["gpu_ns"] == [5 * MS]


# ---- the device's axis


def test_the_reference_moves_along_so_that_float32_stays_fine(cuda: Double):
    """Over a minute, from one reference, it would round to 4 us; where the events lie is in test_gpu_timeline.cpp."""
    timer = _native.CudaEventTimer(64)
    for _ in range(60):
        time_work(cuda, timer, 30 * US)
        cuda.advance(S + 10 * US)
    lengths = np.asarray(timer.collect()["gpu_ns"])
    about = timer.describe()
    assert about["rebases"] >= 29
    assert about["longest_step_ns"] <= 245  # beyond 4.1 s it would be 488
    assert np.abs(lengths - 30 * US).max() <= 1


def test_a_long_pause_is_admitted(cuda: Double):
    timer = _native.CudaEventTimer(4)
    time_work(cuda, timer, MS)
    cuda.advance(100 * S)
    time_work(cuda, timer, MS)
    cuda.advance(MS)
    assert rows(timer.collect())["gpu_ns"] == [MS, MS]
    assert timer.describe()["longest_step_ns"] == pytest.approx(7812.5)


@pytest.mark.parametrize("rate", [1.0, 1.0001])
def test_device_times_are_mapped_to_the_hosts_clock(cuda: Double, rate: float):
    cuda.run_clock(rate)
    timer = _native.CudaEventTimer(64)
    edges = []
    for _ in range(64):
        before = _native.now_ns()
        timer.begin(STREAM)
        timer.end()
        edges.append((before, _native.now_ns()))
        time.sleep(0.001)
    begins = timer.collect()["gpu_begin_ns"].tolist()
    about = timer.describe()
    slack = about["anchor_width_ns"] + about["longest_step_ns"] + 100
    assert all(before - slack <= at <= after + slack for at, (before, after) in zip(begins, edges, strict=True))
    assert about["anchors"] == 2


def test_floor(cuda: Double):
    floor = _native.CudaEventTimer(100).floor()
    assert floor["pairs"] == 64
    assert floor["gpu_min_ns"] == floor["gpu_max_ns"] == 0  # the clock stands still
    assert 0 < floor["record_min_ns"] <= floor["record_median_ns"]
    assert _native.CudaEventTimer(1).floor()["pairs"] == 1


# ---- graphs


def test_an_interval_on_a_stream_under_capture_fails_and_leaves_the_graph_alone(cuda: Double):
    timer = _native.CudaEventTimer(4)
    recorded = cuda.calls(b"cuEventRecord")
    cuda.capture(STREAM, 1)
    time_work(cuda, timer, MS)
    assert cuda.calls(b"cuEventRecord") == recorded
    assert rows(timer.collect())["error"] == [900]
    assert cuda.captures_ended() == 0
    cuda.capture(STREAM, 0)
    timer.begin(STREAM)
    cuda.capture(STREAM, 1)
    timer.end()
    assert rows(timer.collect())["error"] == [900]
    cuda.capture(STREAM, 0)


@pytest.mark.parametrize("reader", [False, True])
def test_another_threads_capture_survives_making_reading_and_growing(cuda: Double, reader: bool):
    capturing, done = threading.Event(), threading.Event()

    def capture() -> None:
        cuda.capture(STREAM, 1)
        capturing.set()
        done.wait(30)
        cuda.capture(STREAM, 0)

    thread = threading.Thread(target=capture)
    thread.start()
    capturing.wait(30)
    try:
        timer = _native.CudaEventTimer(2, reader=reader)
        for _ in range(3):
            for _ in range(5):
                time_work(cuda, timer, MS, STREAM + 1)
            cuda.advance(S)
            timer.collect()
        del timer
        gc.collect()
        assert cuda.captures_ended() == 0
        # Proof that the double would have noticed:
        event = ctypes.c_void_p()
        assert cuda.library.cuEventQuery(event) == 900
        assert cuda.captures_ended() == 1
    finally:
        done.set()
        thread.join()


# ---- the reader


def test_the_reader_frees_events_while_measuring(cuda: Double):
    cuda.run_clock(1.0)
    timer = _native.CudaEventTimer(4, reader=True)
    assert timer.describe()["reader"] is True
    for i in range(100):
        time_work(cuda, timer, 30 * US)
        wait_until(lambda i=i: timer.describe()["read"] > i - 3)
    wait_until(lambda: timer.describe()["read"] == 100)
    assert timer.collect()["id"].tolist() == list(range(100))
    about = timer.describe()
    assert (about["exhausted"], about["capacity"]) == (0, 4)


def test_the_reader_sleeps_without_work_and_wakes_with_it(cuda: Double):
    cuda.run_clock(1.0)
    timer = _native.CudaEventTimer(4, reader=True)
    tasks = Path("/proc/self/task")

    def switches() -> str:
        # By its name, which it gives itself once it runs.
        task = next((t for t in tasks.iterdir() if (t / "comm").read_text() == "ib-cuda\n"), None)
        return (
            "" if task is None else (task / "status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0]
        )

    def asleep() -> bool:
        before = switches()
        time.sleep(0.02)
        return before != "" and switches() == before

    wait_until(asleep)
    for _ in range(3):
        time_work(cuda, timer, MS)
    wait_until(lambda: timer.describe()["read"] == 3)
    assert min(timer.collect()["gpu_ns"]) >= MS
    wait_until(asleep)


def test_reader_with_sticky_errors_neither_dies_nor_throws(cuda: Double):
    timer = _native.CudaEventTimer(8, reader=True)
    cuda.stick(ILLEGAL_ADDRESS)
    for _ in range(6):
        time_work(cuda, timer, MS)
    assert set(timer.collect()["error"]) == {ILLEGAL_ADDRESS}
    cuda.stick(0)
    assert timer.describe()["reader"] is True


def test_collecting_while_another_thread_measures(cuda: Double):
    cuda.run_clock(1.0)
    timer = _native.CudaEventTimer(64, reader=True)
    got: list[int] = []
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            got.extend(timer.collect()["id"])

    thread = threading.Thread(target=collect)
    thread.start()
    for _ in range(2000):
        time_work(cuda, timer, US)
    stop.set()
    thread.join()
    got.extend(timer.collect()["id"])
    assert sorted(got) == sorted(set(got))
    assert len(got) + timer.describe()["exhausted"] == 2000


def test_timers_come_and_go(cuda: Double):
    alive = cuda.events_alive()
    for _ in range(100):
        timer = _native.CudaEventTimer(1, reader=True)
        time_work(cuda, timer, MS)
        del timer
    gc.collect()
    assert cuda.events_alive() == alive


# ---- fork and exit

FORK = """
import warnings; warnings.simplefilter("default")
import ctypes, gc, os, sys
from inference_bench import _native

double = ctypes.CDLL(os.environ["INFERENCE_BENCH_LIBCUDA"])
timer = _native.CudaEventTimer(4, reader=READER)
timer.begin(1)

def refused(call):
    try:
        call()
    except RuntimeError as error:
        return "does not survive a fork" in str(error) and "'spawn'" in str(error)
    return False

pid = os.fork()
if pid == 0:
    before = double.double_all_calls()
    ok = not _native.cuda_available()[0]
    for call in (lambda: timer.begin(1), timer.end, lambda: timer.end(0), timer.collect, timer.describe,
                 _native.CudaEventTimer):
        ok = ok and refused(call)
    del timer, call
    gc.collect()
    ok = ok and double.double_all_calls() == before
    os._exit(0 if ok else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
timer.end()
double.double_advance(ctypes.c_int64(10**9))
assert timer.collect()["id"].tolist() == [0]
"""


def in_new_process(code: str, path: Path) -> str:
    environment = {**os.environ, "INFERENCE_BENCH_LIBCUDA": str(path)}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("reader", [False, True])
def test_a_forked_child_is_refused_without_touching_the_driver(cuda: Double, reader: bool):
    in_new_process(FORK.replace("READER", str(reader)), cuda.path)


def test_a_fork_before_any_use_is_no_obstacle(cuda: Double):
    code = """
import os
from inference_bench import _native
assert _native.cuda_available()[0]
pid = os.fork()
if pid == 0:
    _native.CudaEventTimer(4)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
_native.CudaEventTimer(4)
"""
    in_new_process(code, cuda.path)


def test_exit_with_a_reader_at_work(cuda: Double):
    code = """
from inference_bench import _native
timer = _native.CudaEventTimer(4, reader=True)
timer.begin(1)
timer.end()
print("end")
"""
    assert in_new_process(code, cuda.path) == "end\n"


def test_importing_opens_no_library():
    code = """
from inference_bench import _native
maps = open("/proc/self/maps").read()
print("libcuda" in maps or "libnvidia" in maps)
"""
    assert in_new_process(code, Path("/nonexistent.so")) == "False\n"
