from __future__ import annotations

import array
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench import _native

SLACK_NS = 100_000  # far above the clock's own error of a few microseconds


def raw_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def in_fresh_process(code: str, **environment: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", f"import json, time\nfrom inference_bench import _native\n{code}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_now_lies_on_the_monotonic_raw_scale():
    _native.now_ns()
    before = raw_ns()
    now = _native.now_ns()
    after = raw_ns()
    assert before - SLACK_NS <= now <= after + SLACK_NS


def test_now_never_runs_backwards_while_another_thread_steers():
    stop = threading.Event()

    def steer() -> None:
        while not stop.is_set():
            _native.clock_recalibrate()

    thread = threading.Thread(target=steer)
    thread.start()
    readings = [_native.now_ns() for _ in range(50_000)]
    stop.set()
    thread.join()
    assert readings == sorted(readings)


def test_fenced_and_plain_ticks_are_one_counter():
    readings = [_native.ticks_begin(), _native.ticks(), _native.ticks_end(), _native.ticks()]
    assert readings == sorted(readings)


@given(st.integers(0, 2**62), st.integers(0, 2**40))
def test_conversion_is_monotone(tick: int, later: int):
    assert _native.ticks_to_ns(tick) <= _native.ticks_to_ns(tick + later)


def test_a_converted_tick_stays_converted():
    ticks = [_native.ticks() for _ in range(100)]
    first = [_native.ticks_to_ns(t) for t in ticks]
    for _ in range(5):
        time.sleep(0.002)
        _native.clock_recalibrate()
    assert [_native.ticks_to_ns(t) for t in ticks] == first


@pytest.mark.parametrize(
    ("tick", "error"), [("5", TypeError), (1.5, TypeError), (-1, OverflowError), (2**64, OverflowError)]
)
def test_ticks_to_ns_refuses_what_is_no_tick(tick: object, error: type[Exception]):
    with pytest.raises(error):
        _native.ticks_to_ns(tick)


def test_convert_ticks_agrees_with_ticks_to_ns():
    ticks = array.array("Q", [_native.ticks() for _ in range(1_000)])
    converted = _native.convert_ticks(ticks)
    assert (converted.format, converted.itemsize, converted.readonly) == ("q", 8, True)
    assert converted.tolist() == [_native.ticks_to_ns(t) for t in ticks]
    assert _native.convert_ticks(np.array(ticks)).tolist() == converted.tolist()
    assert _native.convert_ticks(array.array("Q")).tolist() == []


@pytest.mark.parametrize(
    "wrong",
    [
        array.array("q", [1]),
        array.array("I", [1]),
        b"12345678",
        np.zeros((2, 2), np.uint64),
        np.zeros(8, np.uint64)[::2],
        np.zeros(2, ">u8"),
    ],
)
def test_convert_ticks_says_what_it_wants(wrong: object):
    with pytest.raises(TypeError, match=r"native uint64.*given format"):
        _native.convert_ticks(wrong)


def test_description_is_complete_and_sane():
    clock = _native.clock_describe()
    assert clock["source"] in {"tsc", "cntvct_el0", "monotonic_raw"}
    assert clock["reason"]
    assert clock["frequency_hz"] >= 1e6
    assert clock["resolution_ns"] > 0
    assert clock["fenced_pair_cost_ns"] > 0
    assert clock["read_cost_ns"] > 0
    assert clock["max_residual_ns"] >= 0
    assert clock["baseline_ns"] >= 0
    assert {"residual_ppm", "anchors", "rejected_anchors", "suspends", "backwards", "drift"} <= clock.keys()


def test_import_neither_reads_the_clock_nor_waits_for_it():
    # The baseline begins at the first tick, so that no time from before it is part of it.
    clock = in_fresh_process("""
before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
clock = _native.clock_describe()
elapsed_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - before
print(json.dumps({"elapsed_ns": elapsed_ns, **clock}))
""")
    if clock["source"] == "monotonic_raw":
        pytest.skip("this machine's clock needs no calibration")
    assert 10_000_000 <= clock["baseline_ns"] <= clock["elapsed_ns"]


def test_the_baseline_reaches_back_to_the_first_tick():
    clock = in_fresh_process("""
_native.ticks()
before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
time.sleep(0.1)
elapsed_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - before
print(json.dumps({"elapsed_ns": elapsed_ns, **_native.clock_describe()}))
""")
    if clock["source"] == "monotonic_raw":
        pytest.skip("this machine's clock needs no calibration")
    assert clock["baseline_ns"] >= clock["elapsed_ns"]


def test_monotonic_raw_can_be_chosen():
    code = """
before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
tick = _native.ticks()
after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
same = _native.ticks_to_ns(tick) == tick and _native.ticks_begin() <= _native.ticks_end()
steered = _native.clock_recalibrate()
print(json.dumps({"inside": before <= tick <= after, "same": same, "steered": steered, **_native.clock_describe()}))
"""
    clock = in_fresh_process(code, INFERENCE_BENCH_CLOCK="monotonic_raw")
    assert clock["inside"]
    assert clock["same"]
    assert clock["steered"]
    assert clock["source"] == "monotonic_raw"
    assert clock["frequency_hz"] == 1e9
    assert clock["reason"] == "INFERENCE_BENCH_CLOCK=monotonic_raw"


def test_a_clock_that_does_not_exist_is_refused_in_the_reason():
    clock = in_fresh_process("print(json.dumps(_native.clock_describe()))", INFERENCE_BENCH_CLOCK="sundial")
    assert "'sundial' was ignored: allowed here are" in clock["reason"]


def test_two_processes_share_the_scale():
    before = _native.now_ns()
    other = in_fresh_process("print(json.dumps({'now': _native.now_ns()}))")["now"]
    after = _native.now_ns()
    assert before - SLACK_NS <= other <= after + SLACK_NS


def test_recorder_records_counts_and_never_grows():
    recorder = _native.TickRecorder(3)
    for _ in range(5):
        recorder.tick()
    assert (len(recorder), recorder.capacity, recorder.dropped) == (3, 3, 2)
    ticks = memoryview(recorder)
    assert (ticks.format, ticks.readonly, ticks.shape) == ("Q", True, (3,))
    assert ticks.tolist() == sorted(ticks.tolist())
    assert recorder.nanoseconds().tolist() == _native.convert_ticks(recorder).tolist()
    assert np.asarray(recorder).dtype == np.uint64


def test_recorder_clears_unless_someone_looks_at_it():
    recorder = _native.TickRecorder(2)
    recorder.tick()
    view = memoryview(recorder)
    recorder.tick()
    with pytest.raises(BufferError, match="1 view"):
        recorder.clear()
    assert view.shape == (1,)
    view.release()
    recorder.clear()
    assert (len(recorder), recorder.dropped) == (0, 0)
    assert recorder.nanoseconds().tolist() == []


def test_nanoseconds_outlive_the_recorder():
    recorder = _native.TickRecorder(1)
    recorder.tick()
    nanoseconds = recorder.nanoseconds()
    expected = nanoseconds.tolist()
    del recorder
    assert nanoseconds.tolist() == expected


@pytest.mark.parametrize("capacity", [0, -1, 2**31 + 1, 2**80])
def test_recorder_refuses_a_capacity_out_of_range(capacity: int):
    with pytest.raises(ValueError, match=f"from 1 to {2**31} ticks; given {capacity}"):
        _native.TickRecorder(capacity)


@pytest.mark.parametrize("capacity", ["3", 3.0, None])
def test_recorder_refuses_a_capacity_that_is_no_integer(capacity: object):
    with pytest.raises(TypeError):
        _native.TickRecorder(capacity)
