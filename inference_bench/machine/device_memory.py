"""Memory of the GPU that a model runs on, as torch's allocator and the driver account for it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from inference_bench._native import NvmlProbe


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes on one GPU.

    Attributes:
        allocated_bytes: in tensors of this process.
        reserved_bytes: held by this process's allocator, in tensors or not.
        peak_allocated_bytes: the most in tensors since the peak was last reset.
        peak_reserved_bytes: the most held since then.
        free_bytes: what new tensors could take: free on the device, and held without a tensor in it.
        used_bytes: used on the whole device by whoever (NVML); None where NVML does not say.
    """

    allocated_bytes: int
    reserved_bytes: int
    peak_allocated_bytes: int
    peak_reserved_bytes: int
    free_bytes: int
    used_bytes: int | None


def read_device_memory(device: str) -> DeviceMemory | None:
    """Return the memory of a GPU; None for the CPU, and where no torch has been imported that could hold any.

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
    """Let the peaks begin anew; nothing happens where there is no GPU."""
    cuda = _cuda(device)
    if cuda is not None:
        cuda.reset_peak_memory_stats(device)


def _cuda(device: str) -> Any:
    """Return ``torch.cuda``. Only the model decides whether torch is imported: a reader must not."""
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
