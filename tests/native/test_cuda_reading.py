"""Reading intervals: in which order, on which axis, and beside graphs. Against a double of the driver."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time

import numpy as np
import pytest

from inference_bench import _native, _native_types
from tests.cuda_timing import MS, STREAM, US, S, rows, time_work
from tests.doubles import Double

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


def test_descriptions_have_the_keys_of_their_types(cuda: Double):
    timer = _native.CudaEventTimer(1)
    assert timer.describe().keys() == _native_types.CudaTimerDescription.__annotations__.keys()
    assert timer.floor().keys() == _native_types.EventFloor.__annotations__.keys()


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
