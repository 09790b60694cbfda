"""The host's processors."""

from __future__ import annotations

from inference_bench.errors import InvalidValueError
from inference_bench.machine.available_memory import headroom_bytes
from inference_bench.machine.device import Device, FoundDevice
from inference_bench.machine.environment import describe_environment


class Cpu(Device):
    """The host's processors, together one device."""

    def find(self) -> list[FoundDevice]:
        """Return the one entry."""
        return [FoundDevice("cpu", describe_environment()["cpu"].get("model", "unnamed"))]

    def check(self, index: int | None) -> None:
        """Refuse a number: the processors of a host are one device."""
        if index is not None:
            raise InvalidValueError("device", f"cpu:{index}", "cpu", "Use --threads to choose how much of it is used.")

    def free_bytes(self, index: int | None) -> int | None:
        """Return what the machine, the control groups and this process's limits leave."""
        return headroom_bytes()
