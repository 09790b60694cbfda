from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference_bench.machine.nvml import Nvml, read_nvml


def read_in_new_process(folder: Path, preparation: str = "") -> str:
    """pynvml opens libnvidia-ml.so.1 by that name alone, once in a process: the loader must find the double first."""
    code = f"{preparation}\nfrom inference_bench.machine.nvml import *\nprint(repr(read_nvml()))"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    environment.pop("INFERENCE_BENCH_LIBNVML", None)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_no_library_is_absent_with_the_reason(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", "/nonexistent.so")
    found = read_nvml()
    assert found == Nvml(found.absent)
    assert found.absent is not None
    assert "/nonexistent.so" in found.absent


def test_gpus_of_the_double(nvml_folder: Path):
    pytest.importorskip("pynvml")
    answer = read_in_new_process(nvml_folder)
    gpu = (
        "Gpu(index={0}, name='Double {0}', uuid='GPU-00000000-0000-0000-0000-00000000000{0}', "
        "pci_bus_id='00000000:0{1}:00.0', compute_capability='9.0', memory_total_bytes=80000000000, "
        "memory_free_bytes=76500000000, power_limit_mw=700000, default_power_limit_mw=700000, max_sm_clock_mhz=1980, "
        "max_memory_clock_mhz=2619, persistence=True, mig=False)"
    )
    gpus = f"({gpu.format(0, 1)}, {gpu.format(1, 2)})"
    assert answer.strip() == f"Nvml(absent=None, driver='580.65.06', cuda_version='13.0', gpus={gpus})"


def test_what_the_driver_does_not_tell_is_none(nvml_folder: Path):
    pytest.importorskip("pynvml")
    fail = "import ctypes; ctypes.CDLL('libnvidia-ml.so.1').double_fail(b'{}', {})"
    answer = read_in_new_process(nvml_folder, fail.format("nvmlDeviceGetMigMode", 3))
    assert "mig=None" in answer
    assert "persistence=True" in answer
    answer = read_in_new_process(nvml_folder, fail.format("nvmlInit_v2", 9))
    assert "Nvml(absent='nvmlInit: Driver Not Loaded'" in answer


def test_pynvml_missing_is_absent(nvml_folder: Path):
    answer = read_in_new_process(nvml_folder, "import sys; sys.modules['pynvml'] = None")
    assert "nvidia-ml-py is not installed" in answer
