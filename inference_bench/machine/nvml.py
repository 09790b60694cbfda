"""Facts about the GPUs of this machine, read once from NVIDIA's management library (NVML).

``NvmlSampler`` polls natively what changes while something runs: memory, clocks, temperature, power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import inference_bench._native as _native

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; None if it lacks a feature or the driver does not tell.

    Attributes:
        index: NVML's number. CUDA counts in another order and hides some: match by ``uuid`` or ``pci_bus_id``.
        persistence: whether the driver stays loaded without clients; if not, the first use of a GPU takes seconds.
        mig: whether it is divided into instances, which share its clocks, power and memory.
    """

    index: int
    name: str | None
    uuid: str | None
    pci_bus_id: str | None
    compute_capability: str | None
    memory_total_bytes: int | None
    memory_free_bytes: int | None
    power_limit_mw: int | None
    default_power_limit_mw: int | None
    max_sm_clock_mhz: int | None
    max_memory_clock_mhz: int | None
    persistence: bool | None
    mig: bool | None


@dataclass(frozen=True, slots=True)
class Nvml:
    """All GPUs that the driver lists, or why there are none.

    Attributes:
        absent: why nothing could be read; None if it could.
        cuda_version: the newest CUDA that this driver supports.
    """

    absent: str | None
    driver: str | None = None
    cuda_version: str | None = None
    gpus: tuple[Gpu, ...] = ()


def read_nvml() -> Nvml:
    """Read the management library once. Never raises on a machine without one."""
    available, reason = _native.nvml_available()
    if not available:
        return Nvml(reason)
    try:
        import pynvml  # 24 ms: only where the driver is there
    except ImportError:
        return Nvml("the package nvidia-ml-py is not installed")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Nvml(f"nvmlInit: {error}")
    try:
        return _read(_Asker(pynvml))
    finally:
        pynvml.nvmlShutdown()


class _Asker:
    """Calls functions of pynvml by name; returns None if pynvml, the driver or the GPU does not support one."""

    def __init__(self, pynvml: ModuleType) -> None:
        self.constants = pynvml
        self._error = pynvml.NVMLError

    def __call__(self, function: str, *args: object) -> Any:
        call = getattr(self.constants, function, None)
        if call is None:
            return None
        try:
            return call(*args)
        except self._error:
            return None


def _read(ask: _Asker) -> Nvml:
    handles = [ask("nvmlDeviceGetHandleByIndex", index) for index in range(ask("nvmlDeviceGetCount") or 0)]
    gpus = tuple(_read_gpu(ask, index, handle) for index, handle in enumerate(handles) if handle is not None)
    return Nvml(
        absent=None if gpus else "the driver shows no GPU",
        driver=_text(ask("nvmlSystemGetDriverVersion")),
        cuda_version=_map(ask("nvmlSystemGetCudaDriverVersion_v2"), lambda v: f"{v // 1000}.{v % 1000 // 10}"),
        gpus=gpus,
    )


def _read_gpu(ask: _Asker, index: int, handle: object) -> Gpu:
    constants = ask.constants
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    return Gpu(
        index=index,
        name=_text(ask("nvmlDeviceGetName", handle)),
        uuid=_text(ask("nvmlDeviceGetUUID", handle)),
        pci_bus_id=_map(ask("nvmlDeviceGetPciInfo", handle), lambda pci: _text(pci.busId)),
        compute_capability=_map(ask("nvmlDeviceGetCudaComputeCapability", handle), lambda c: f"{c[0]}.{c[1]}"),
        memory_total_bytes=_map(memory, lambda m: int(m.total)),
        memory_free_bytes=_map(memory, lambda m: int(m.free)),
        power_limit_mw=ask("nvmlDeviceGetEnforcedPowerLimit", handle),
        default_power_limit_mw=ask("nvmlDeviceGetPowerManagementDefaultLimit", handle),
        max_sm_clock_mhz=ask("nvmlDeviceGetMaxClockInfo", handle, constants.NVML_CLOCK_SM),
        max_memory_clock_mhz=ask("nvmlDeviceGetMaxClockInfo", handle, constants.NVML_CLOCK_MEM),
        persistence=_map(ask("nvmlDeviceGetPersistenceMode", handle), bool),
        mig=_map(ask("nvmlDeviceGetMigMode", handle), lambda modes: bool(modes[0])),
    )


def _map(value: Any, convert: Callable[[Any], _T]) -> _T | None:
    return None if value is None else convert(value)


def _text(value: object) -> str | None:
    """Decode: pynvml before 11.5 returned bytes."""
    return _map(value, lambda v: v.decode() if isinstance(v, bytes) else str(v))
