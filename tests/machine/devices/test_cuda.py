from __future__ import annotations

from dataclasses import fields

import pytest

from inference_bench.errors import UsageError
from inference_bench.machine.device import check_device, load_device
from inference_bench.machine.devices import cuda
from inference_bench.machine.nvml import Gpu, Nvml

GPUS = [{"index": 0, "name": "H100"}, {"index": 1, "name": "H100"}, {"name": "hidden"}]


@pytest.mark.parametrize(
    ("driver", "gpus", "torch", "device", "reason"),
    [
        (False, [], "2.9.0", "cuda", "no NVIDIA driver"),
        (True, [], "2.9.0", "cuda", "shows no GPU"),
        (True, GPUS, "2.9.0", "cuda:2", "shows 2 GPUs"),
        (True, GPUS, "2.9.0+cpu", "cuda", r"torch 2\.9\.0\+cpu is built without CUDA"),
        (True, GPUS, "2.9.0+cu128", "cuda:1", None),
        (True, GPUS, None, "cuda", None),
    ],
)
def test_cuda_is_refused_with_the_reason(monkeypatch, driver, gpus, torch, device, reason):
    monkeypatch.setattr(cuda, "_loads", lambda library: driver)
    monkeypatch.setattr(cuda, "describe_gpus", lambda: gpus)
    monkeypatch.setattr(cuda, "_torch_version", lambda: torch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    if reason is None:
        check_device(device)
        return
    with pytest.raises(UsageError, match=rf"device '{device}': .*{reason}.*Use --device cpu"):
        check_device(device)


@pytest.mark.parametrize(
    ("libraries", "variable"),
    [({"libcuda.so.1"}, None), ({"libcuda.so.1", "libnvidia-ml.so.1"}, "MIG-5c89852c")],
    ids=["no-management-library", "mig"],
)
def test_where_the_driver_cannot_tell_the_framework_must_find_out(monkeypatch, libraries, variable):
    monkeypatch.setattr(cuda, "_loads", lambda library: library in libraries)
    monkeypatch.setattr(cuda, "_torch_version", lambda: "2.9.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable or "0")

    check_device("cuda")


def gpu(index, memory_total_bytes):
    facts = dict.fromkeys(field.name for field in fields(Gpu)) | {"index": index, "uuid": f"GPU-{index}"}
    return Gpu(**facts | {"name": f"H{index}", "memory_total_bytes": memory_total_bytes})


def test_gpus_bear_the_numbers_of_cuda(monkeypatch):
    monkeypatch.setattr(cuda, "read_nvml", lambda: Nvml(None, "575.57", gpus=(gpu(0, 80 << 30), gpu(1, 80 << 30))))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")

    hidden, visible = cuda.describe_gpus()

    assert "index" not in hidden
    assert (visible["index"], visible["name"], visible["memory_total_bytes"]) == (0, "H1", 80 << 30)
    assert [(found.name, found.title) for found in load_device("cuda").find()] == [("cuda:0", "H1")]


def test_a_gpu_without_memory_of_its_own_states_none(monkeypatch):
    monkeypatch.setattr(cuda, "read_nvml", lambda: Nvml(None, "575.57", gpus=(gpu(0, None),)))

    assert [set(found) for found in cuda.describe_gpus()] == [{"index", "name", "driver"}]


@pytest.mark.parametrize(
    ("variable", "positions"),
    [
        (None, [0, 1, 2]),
        ("1,0", [1, 0]),
        ("2", [2]),
        ("", []),
        ("-1", []),
        ("0,7,1", [0]),
        ("GPU-b", [1]),
        ("GPU-", []),
        ("GPU-ccc,0", [2, 0]),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(monkeypatch, variable, positions):
    if variable is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)

    assert cuda._visible(["GPU-aaa", "GPU-bbb", "GPU-ccc"]) == positions


def test_without_the_driver_there_are_no_gpus(monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_LIBNVML", "/nonexistent.so")

    assert cuda.describe_gpus() == []
    assert load_device("cuda").find() == []


@pytest.mark.gpu
@pytest.mark.skipif(not cuda._loads("libcuda.so.1"), reason="no CUDA driver on this machine")
def test_with_a_gpu_it_is_found_and_described():
    gpus = cuda.describe_gpus()

    assert gpus
    assert all(gpu["name"] and gpu["driver"] for gpu in gpus)
    assert load_device("cuda").find()[0].name == "cuda:0"
