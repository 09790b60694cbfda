"""Finding the CUDA driver and a context, against a double of the driver (doubles/libcuda_double.cpp)."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import pytest

from inference_bench import _native
from tests.cuda_timing import MS, S, time_work, use
from tests.doubles import Double, build

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
