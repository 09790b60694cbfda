"""The native NVML readings, against a double of the library (tests/native/doubles/libnvml_double.cpp)."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference_bench import _native, _native_types
from tests.doubles import Double, build

FIELDS = [
    "memory_used_bytes",
    "sm_clock_mhz",
    "memory_clock_mhz",
    "throttle_reasons",
    "temperature_c",
    "power_mw",
    "energy_mj",
]
INTERVAL = 10_000_000


@pytest.fixture
def nvml(nvml_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    double = Double(nvml_folder / "libnvidia-ml.so.1")
    double.reset()
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", str(double.path))
    yield double
    gc.collect()
    double.reset()


def wait_for_samples(sampler: _native.NvmlSampler, more: int = 2) -> None:
    """Return once `more` samples have been begun and ended since the call."""
    goal = sampler.stats()["samples"] + more
    while sampler.stats()["samples"] < goal:
        time.sleep(0.001)


def in_new_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=60
    )


# ---- the library


def test_available_names_the_library_and_initialises_nothing(nvml: Double):
    before = nvml.initialised()
    assert _native.nvml_available() == (True, str(nvml.path))
    assert nvml.initialised() == before


def test_missing_library(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", "/nonexistent.so")
    available, reason = _native.nvml_available()
    assert available is False
    assert "/nonexistent.so" in reason
    with pytest.raises(RuntimeError, match=r"NVML cannot be used: .*/nonexistent\.so"):
        _native.NvmlProbe()


def test_another_library_by_that_name(cuda_double: Double, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", str(cuda_double.path))
    available, reason = _native.nvml_available()
    assert available is False
    assert "has no nvmlInit_v2" in reason


def test_a_driver_that_is_not_loaded(nvml: Double):
    nvml.fail(b"nvmlInit_v2", 9)
    with pytest.raises(RuntimeError, match=r"nvmlInit: Driver Not Loaded \(9\)"):
        _native.NvmlProbe()


def test_every_init_has_its_shutdown(nvml: Double):
    before = nvml.initialised()
    probe, sampler = _native.NvmlProbe(), _native.NvmlSampler()
    assert nvml.initialised() == before + 2
    with pytest.raises(RuntimeError, match="NVML has no GPU '7'"):
        _native.NvmlProbe(7)
    del probe, sampler
    gc.collect()
    assert nvml.initialised() == before


# ---- one reading


def test_reading(nvml: Double):
    reading = _native.NvmlProbe().read()
    assert reading.keys() == _native_types.GpuReading.__annotations__.keys()
    assert list(reading) == FIELDS
    energy = reading.pop("energy_mj")
    assert list(reading.values()) == [3_000_000_000, 1755, 2619, 4, 41, 120_500]
    assert energy is not None
    assert energy > 9_000


@pytest.mark.parametrize(
    "gpu", [1, "1", "GPU-00000000-0000-0000-0000-000000000001", "00000000:02:00.0", "0000:02:00.0"]
)
def test_gpu_by_index_uuid_or_pci_bus_id(nvml: Double, gpu: int | str):
    nvml.set_memory(1, 123)
    assert _native.NvmlProbe(gpu).read()["memory_used_bytes"] == 123


@pytest.mark.parametrize("gpu", [-1, 2, 2**63, "", "GPU-", "0000:09:00.0", "x" * 10_000])
def test_no_such_gpu(nvml: Double, gpu: int | str):
    with pytest.raises(RuntimeError, match="NVML has no GPU"):
        _native.NvmlProbe(gpu)


@pytest.mark.parametrize("gpu", [None, 1.0, b"0"])
def test_gpu_of_a_wrong_type(nvml: Double, gpu: object):
    with pytest.raises(TypeError, match="gpu must be an int"):
        _native.NvmlProbe(gpu)


def test_what_the_gpu_does_not_support_is_none(nvml: Double):
    nvml.fail(b"nvmlDeviceGetTotalEnergyConsumption", 3)
    probe = _native.NvmlProbe()
    asked = nvml.calls(b"nvmlDeviceGetTotalEnergyConsumption")
    reading = probe.read()
    assert reading.pop("energy_mj") is None
    assert None not in reading.values()
    assert nvml.calls(b"nvmlDeviceGetTotalEnergyConsumption") == asked


def test_a_reading_that_fails_later_is_none(nvml: Double):
    probe = _native.NvmlProbe()
    nvml.fail(b"nvmlDeviceGetPowerUsage", 15)
    assert probe.read()["power_mw"] is None
    nvml.fail(b"nvmlDeviceGetPowerUsage", 0)
    assert probe.read()["power_mw"] == 120_500


def test_an_old_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Memory then includes what the driver reserves."""
    path = build("libnvml_double", tmp_path / "old.so", "DOUBLE_OLD")
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", str(path))
    reading = _native.NvmlProbe().read()
    assert reading["memory_used_bytes"] == 3_500_000_000
    assert reading["throttle_reasons"] == 4


def test_processes(nvml: Double):
    probe = _native.NvmlProbe()
    assert probe.processes() == []
    for pid in range(1, 41):
        nvml.add_process(pid, 1000 * pid)
    nvml.add_process(41, 2**64 - 1)
    assert probe.processes() == [*((pid, 1000 * pid) for pid in range(1, 41)), (41, None)]
    nvml.fail(b"nvmlDeviceGetComputeRunningProcesses_v3", 3)
    assert probe.processes() is None


# ---- sampling


def test_columns(nvml: Double):
    begin = _native.now_ns()
    with _native.NvmlSampler(interval_ns=INTERVAL) as sampler:
        wait_for_samples(sampler)
        nvml.set_memory(0, 77)
        wait_for_samples(sampler)
    end = _native.now_ns()
    columns = sampler.columns()
    assert list(columns) == ["time_ns", *FIELDS, "probe_cost_ns"]
    assert {column.format for column in columns.values()} == {"q"}
    assert len({len(column) for column in columns.values()}) == 1
    times = np.asarray(columns["time_ns"])
    assert begin <= times[0]
    assert times[-1] <= end
    assert np.all(np.diff(times) > 0)
    assert columns["memory_used_bytes"][0] == 3_000_000_000
    assert columns["memory_used_bytes"][-1] == 77
    assert np.all(np.diff(np.asarray(columns["energy_mj"])) == 25)
    assert min(columns["probe_cost_ns"]) > 0
    assert sampler.stats()["samples"] == len(times)


def test_process_lists_are_never_polled(nvml: Double):
    with _native.NvmlSampler(interval_ns=INTERVAL) as sampler:
        wait_for_samples(sampler, 3)
    assert nvml.calls(b"nvmlDeviceGetComputeRunningProcesses_v3") == 0


def test_columns_of_what_is_not_supported_are_left_out(nvml: Double):
    nvml.fail(b"nvmlDeviceGetPowerUsage", 3)
    sampler = _native.NvmlSampler(interval_ns=INTERVAL)
    nvml.fail(b"nvmlDeviceGetTemperature", 15)
    with sampler:
        wait_for_samples(sampler)
    columns = sampler.columns()
    assert "power_mw" not in columns
    assert set(columns["temperature_c"]) == {-1}


def test_late_grid_points_are_missed_and_a_dear_probe_lengthens_the_interval(nvml: Double):
    nvml.delay(3_000)  # 7 calls a sample: beyond the interval
    with _native.NvmlSampler(interval_ns=INTERVAL, budget=1.0) as sampler:
        wait_for_samples(sampler, 4)
    stats = sampler.stats()
    assert stats["missed"] >= 3
    assert stats["present_interval_ns"] == INTERVAL  # waiting is not work: the budget is of CPU time
    nvml.delay(0)
    sampler = _native.NvmlSampler(interval_ns=INTERVAL, budget=1e-9)
    with sampler:
        while sampler.stats()["lengthened"] == 0:
            time.sleep(0.01)
    assert sampler.stats()["present_interval_ns"] >= 2 * INTERVAL


def test_full_columns_drop_and_count(nvml: Double):
    sampler = _native.NvmlSampler(interval_ns=INTERVAL, capacity=1)
    with sampler:
        wait_for_samples(sampler)
    stats = sampler.stats()
    assert len(sampler.columns()["time_ns"]) == 1
    assert stats["dropped"] == stats["samples"] - 1


def test_start_and_stop(nvml: Double):
    sampler = _native.NvmlSampler()
    sampler.stop()
    assert sampler.running is False
    for _ in range(200):
        sampler.start()
        sampler.stop()
    sampler.start()
    assert sampler.running is True
    with pytest.raises(RuntimeError, match="running already"):
        sampler.start()
    sampler.stop()
    assert sampler.stats()["samples"] >= 402


def test_columns_outlive_the_sampler(nvml: Double):
    with _native.NvmlSampler() as sampler:
        pass
    column = sampler.columns()["sm_clock_mhz"]
    del sampler
    gc.collect()
    assert set(column) == {1755}


@pytest.mark.parametrize("interval", [0, -1, 9_999_999, 3_600_000_000_001, 2**63 - 1])
def test_interval_out_of_range(nvml: Double, interval: int):
    with pytest.raises(ValueError, match=f"interval_ns must be from 10000000 to 3600000000000; given {interval}"):
        _native.NvmlSampler(interval_ns=interval)


@pytest.mark.parametrize("budget", [0.0, -1.0, 1.1, float("inf"), float("nan")])
def test_budget_out_of_range(nvml: Double, budget: float):
    with pytest.raises(ValueError, match="budget must be above 0 and at most 1 core"):
        _native.NvmlSampler(budget=budget)


@pytest.mark.parametrize("capacity", [0, -5, 2**26 + 1])
def test_capacity_out_of_range(nvml: Double, capacity: int):
    with pytest.raises(ValueError, match="capacity must be from 1 to 67108864 samples"):
        _native.NvmlSampler(capacity=capacity)


def test_a_number_beyond_64_bits_is_no_capacity(nvml: Double):
    with pytest.raises(TypeError):
        _native.NvmlSampler(capacity=2**63)


# ---- fork and exit

FORK = """
import gc, os
from inference_bench import _native, _native_types
probe, sampler = _native.NvmlProbe(), _native.NvmlSampler(interval_ns=10_000_000)
sampler.start()

def refused(call):
    try:
        call()
    except RuntimeError as error:
        return "does not survive a fork" in str(error)
    return False

pid = os.fork()
if pid == 0:
    ok = not sampler.running and not _native.nvml_available()[0]
    for call in (probe.read, probe.processes, sampler.start, sampler.stop, sampler.columns, sampler.stats,
                 _native.NvmlProbe):
        ok = ok and refused(call)
    del probe, sampler
    gc.collect()
    os._exit(0 if ok else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert sampler.running and probe.read()["power_mw"] is not None
sampler.stop()
"""


def test_a_forked_child_is_refused_and_the_parent_goes_on(nvml: Double):
    in_new_process(FORK.replace("import gc", "import warnings; warnings.simplefilter('default'); import gc"))


def test_exit_with_a_sampler_running(nvml: Double):
    code = (
        "from inference_bench import _native; s = _native.NvmlSampler(interval_ns=10_000_000); s.start(); print('end')"
    )
    assert in_new_process(code).stdout == "end\n"
