"""A kind of device that models run on.

A kind is one subclass of ``Device`` in ``inference_bench/machine/devices/<name>.py``. The file imports no framework,
because the device is checked before anything heavy starts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from inference_bench.errors import InvalidValueError
from inference_bench.plugins import load_class, plugin_names

_PACKAGE = "inference_bench.machine.devices"


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """One device of this machine.

    Attributes:
        name: value of ``--device``: ``cpu``, ``cuda:0``.
        title: name of the hardware.
    """

    name: str
    title: str


class Device(ABC):
    """A kind of device."""

    name: ClassVar[str] = ""

    @abstractmethod
    def find(self) -> list[FoundDevice]:
        """Return the devices of this kind."""

    @abstractmethod
    def check(self, index: int | None) -> None:
        """Refuse a device that models cannot run on.

        Args:
            index: number of the device, or None for the default.

        Raises:
            UsageError: it is missing or cannot be used; the message gives the reason.
        """

    @abstractmethod
    def free_bytes(self, index: int | None) -> int | None:
        """Return the memory available to a new process; None if unknown.

        Args:
            index: number of the device, or None for the default.
        """


def device_kinds() -> list[str]:
    """Return the names of all kinds of device."""
    return plugin_names(_PACKAGE)


def load_device(kind: str) -> Device:
    """Return the kind of device with this name.

    Raises:
        UnknownNameError: there is no such kind.
    """
    return load_class("device", _PACKAGE, kind, Device)()  # type: ignore[type-abstract]


def check_device(device: str) -> None:
    """Refuse ``cpu``, ``cuda`` or ``cuda:N`` if this machine does not have it.

    Raises:
        UsageError: the kind is unknown, the number is invalid, or the device cannot be used.
    """
    kind, index = _split(device)
    load_device(kind).check(index)


def free_bytes(device: str) -> int | None:
    """Return the memory of ``cpu``, ``cuda`` or ``cuda:N`` available to a new process; None if unknown.

    Raises:
        InvalidValueError: not the name of a device.
    """
    kind, index = _split(device)
    return load_device(kind).free_bytes(index)


def _split(device: str) -> tuple[str, int | None]:
    kind, colon, number = device.partition(":")
    if colon and not (number.isascii() and number.isdigit()):
        raise InvalidValueError("device", device, f"{kind} or {kind}:N, N being a number from 0 on")
    return kind, int(number) if colon else None
