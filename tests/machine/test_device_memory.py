"""The figures of torch's allocator and of NVML, through doubles of both: the machine at hand need not have a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from inference_bench.machine import device_memory
from inference_bench.machine.device_memory import DeviceMemory, read_device_memory, reset_device_peak


@pytest.fixture
def torch_double(monkeypatch):
    """What ``torch.cuda`` answers, with its own names; notes whose peak was reset."""
    resets = []
    cuda = SimpleNamespace(
        memory_allocated=lambda device: 100,
        memory_reserved=lambda device: 160,
        max_memory_allocated=lambda device: 130,
        max_memory_reserved=lambda device: 190,
        mem_get_info=lambda device: (1000, 4000),
        get_device_properties=lambda device: SimpleNamespace(uuid="1234"),
        reset_peak_memory_stats=resets.append,
        resets=resets,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    return cuda


def test_the_allocator_is_read_by_torchs_names(torch_double, monkeypatch):
    seen = []
    monkeypatch.setattr(device_memory, "_used_bytes", lambda uuid: seen.append(uuid) or 3000)

    assert read_device_memory("cuda:1") == DeviceMemory(100, 160, 130, 190, free_bytes=1060, used_bytes=3000)
    assert seen == ["GPU-1234"]


def test_a_gpu_that_nvml_does_not_know_has_no_use(torch_double):
    found = read_device_memory("cuda")

    assert found is not None
    assert found.used_bytes is None


def test_the_peak_is_reset_on_the_device_asked_for(torch_double):
    reset_device_peak("cuda:1")
    reset_device_peak("cpu")

    assert torch_double.resets == ["cuda:1"]


def test_the_cpu_has_no_device_memory(torch_double):
    assert read_device_memory("cpu") is None


def test_nobody_imports_torch_to_ask(monkeypatch):
    code = (
        "import sys; from inference_bench.machine.device_memory import read_device_memory, reset_device_peak;"
        "reset_device_peak('cuda'); print(read_device_memory('cuda'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "None False"


def test_the_names_are_those_of_the_installed_torch(torch_double):
    """The double above would hide a renaming."""
    code = f"import torch; print([n for n in {sorted(vars(torch_double))} if not hasattr(torch.cuda, n)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['resets']"


def test_nvml_says_what_the_whole_device_uses(nvml_folder):
    code = (
        "from inference_bench._native import NvmlProbe; from inference_bench.machine.device_memory import _used_bytes;"
        "used = _used_bytes('GPU-00000000-0000-0000-0000-000000000000');"
        "print(used == NvmlProbe(0).read()['memory_used_bytes'], _used_bytes('GPU-of-nobody'))"
    )
    environment = {**os.environ, "INFERENCE_BENCH_LIBNVML": str(nvml_folder / "libnvidia-ml.so.1")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout.strip() == "True None"
