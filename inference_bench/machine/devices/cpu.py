"""The CPUs of the host."""

from __future__ import annotations

from inference_bench.errors import InvalidValueError
from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.machine.cpus import cpu_model
from inference_bench.machine.device import Device, FoundDevice


class Cpu(Device):
    """The CPUs of the host, together one device."""

    def find(self) -> list[FoundDevice]:
        """Return the one entry."""
        return [FoundDevice("cpu", cpu_model() or "unnamed")]

    def check(self, index: int | None) -> None:
        """Refuse a number: the CPUs of a host are one device."""
        if index is not None:
            raise InvalidValueError(
                "device", f"cpu:{index}", "cpu", "Use --threads to choose how many of its CPUs are used."
            )

    def free_bytes(self, index: int | None) -> int | None:
        """Return what the machine, the control groups and this process's limits leave available."""
        return headroom_bytes()
