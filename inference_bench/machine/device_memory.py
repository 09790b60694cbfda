"""Memory of the GPU that a model runs on, from torch's allocator and from the driver."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

from inference_bench._native import NvmlProbe


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes on one GPU.

    Attributes:
        allocated_bytes: in tensors of this process.
        reserved_bytes: held by this process's allocator, in tensors or not.
        peak_allocated_bytes: maximum in tensors since the peak was last reset.
        peak_reserved_bytes: maximum held since then.
        free_bytes: available for new tensors: free on the device, or held by the allocator without a tensor in it.
        used_bytes: used on the whole device by all processes (NVML); None if unknown.
    """

    allocated_bytes: int
    reserved_bytes: int
    peak_allocated_bytes: int
    peak_reserved_bytes: int
    free_bytes: int
    used_bytes: int | None


def read_device_memory(device: str) -> DeviceMemory | None:
    """Return the memory of a GPU; None for the CPU, and if torch has not been imported.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
    """
    cuda = _cuda(device)
    if cuda is None:
        return None
    allocated, reserved = cuda.memory_allocated(device), cuda.memory_reserved(device)
    free, _ = cuda.mem_get_info(device)
    return DeviceMemory(
        allocated_bytes=allocated,
        reserved_bytes=reserved,
        peak_allocated_bytes=cuda.max_memory_allocated(device),
        peak_reserved_bytes=cuda.max_memory_reserved(device),
        free_bytes=free + reserved - allocated,
        used_bytes=_used_bytes(f"GPU-{cuda.get_device_properties(device).uuid}"),
    )


def reset_device_peak(device: str) -> None:
    """Reset the peaks; does nothing without a GPU."""
    cuda = _cuda(device)
    if cuda is not None:
        cuda.reset_peak_memory_stats(device)


def _cuda(device: str) -> ModuleType | None:
    """Return ``torch.cuda``; None for the CPU, and if the model has not imported torch: a reader must not do so."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and device.partition(":")[0] == "cuda" else None


def _used_bytes(uuid: str) -> int | None:
    probe = _probe(uuid)
    return None if probe is None else probe.read()["memory_used_bytes"]


@lru_cache
def _probe(uuid: str) -> NvmlProbe | None:
    try:
        return NvmlProbe(uuid)
    except RuntimeError:
        return None
