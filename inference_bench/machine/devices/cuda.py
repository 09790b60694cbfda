"""NVIDIA GPUs, read from the driver's management library without a CUDA context and without a framework."""

from __future__ import annotations

import ctypes
import os
from importlib.metadata import PackageNotFoundError, version

from inference_bench.errors import UsageError
from inference_bench.facts import GpuFacts
from inference_bench.machine.device import Device, FoundDevice
from inference_bench.machine.nvml import Gpu, read_nvml
from inference_bench.units import counted

_ADVICE = "Use --device cpu."


class Cuda(Device):
    """NVIDIA GPUs, those that ``CUDA_VISIBLE_DEVICES`` leaves visible, numbered as CUDA numbers them."""

    def find(self) -> list[FoundDevice]:
        """Return the visible GPUs."""
        return [
            FoundDevice(f"cuda:{gpu['index']}", gpu["name"] or "unnamed") for gpu in describe_gpus() if "index" in gpu
        ]

    def check(self, index: int | None) -> None:
        """Refuse if the driver, the GPU or a framework built for CUDA is missing."""
        reason = _missing(index or 0)
        if reason:
            raise UsageError(f"device {'cuda' if index is None else f'cuda:{index}'!r}: {reason}. {_ADVICE}")

    def free_bytes(self, index: int | None) -> int | None:
        """Return what the driver calls free; None if the GPU is hidden or has no memory of its own."""
        return next((gpu.get("memory_free_bytes") for gpu in describe_gpus() if gpu.get("index") == (index or 0)), None)


def describe_gpus() -> list[GpuFacts]:
    """Describe every GPU the driver manages; empty without a driver.

    A GPU hidden by ``CUDA_VISIBLE_DEVICES`` has no ``index``. If GPUs of different kinds are mixed, CUDA numbers the
    fastest first and the driver numbers by bus, unless ``CUDA_DEVICE_ORDER=PCI_BUS_ID``.
    """
    nvml = read_nvml()
    visible = _visible([gpu.uuid or "" for gpu in nvml.gpus])
    return [_describe(gpu, nvml.driver, position, visible) for position, gpu in enumerate(nvml.gpus)]


def _describe(gpu: Gpu, driver: str | None, position: int, visible: list[int]) -> GpuFacts:
    facts: GpuFacts = {"index": visible.index(position)} if position in visible else {}
    facts |= {"name": gpu.name, "driver": driver}
    if gpu.memory_total_bytes is not None:  # unknown if CPU and GPU share their memory
        facts |= {"memory_total_bytes": gpu.memory_total_bytes, "memory_free_bytes": gpu.memory_free_bytes}
    return facts


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _missing(index: int) -> str | None:
    """Return why CUDA cannot be used here, or None if nothing speaks against it."""
    if not _loads("libcuda.so.1"):
        return "no NVIDIA driver on this machine (libcuda.so.1 was not found)"
    torch = _torch_version()
    if torch and torch.endswith("+cpu"):
        return f"the installed torch {torch} is built without CUDA"
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    # Boards such as Jetson have no management library, and it does not number the parts of a divided GPU (MIG):
    # there only the framework can find out.
    if not _loads("libnvidia-ml.so.1") or "MIG-" in (chosen or ""):
        return None
    count = sum("index" in gpu for gpu in describe_gpus())
    if index < count:
        return None
    here = "" if chosen is None else f" with CUDA_VISIBLE_DEVICES={chosen!r}"
    return (
        f"the driver shows {counted(count, 'GPU')}{here}, numbered from 0"
        if count
        else f"the driver shows no GPU{here}"
    )


def _torch_version() -> str | None:
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def _visible(uuids: list[str]) -> list[int]:
    """Return the positions of the GPUs that CUDA sees, in its order.

    ``CUDA_VISIBLE_DEVICES`` holds positions or beginnings of UUIDs; the first entry that names none ends the list.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return list(range(len(uuids)))
    positions: list[int] = []
    for word in chosen.split(","):
        found = [i for i, uuid in enumerate(uuids) if word.strip() == str(i) or _begins(uuid, word.strip())]
        if len(found) != 1:
            break
        positions += found
    return positions


def _begins(uuid: str, word: str) -> bool:
    return word.startswith("GPU-") and uuid.startswith(word)
