"""A kind of device that models run on.

A kind lives in ``inference_bench/machine/devices/<name>.py`` as one subclass of ``Device``. The file imports no
framework: whether a device is there must be known before anything heavy starts.
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
        name: what ``--device`` takes: ``cpu``, ``cuda:0``.
        title: what the hardware calls itself.
    """

    name: str
    title: str


class Device(ABC):
    """A kind of device."""

    name: ClassVar[str] = ""

    @abstractmethod
    def find(self) -> list[FoundDevice]:
        """Return the devices of this kind; empty where there are none."""

    @abstractmethod
    def check(self, index: int | None) -> None:
        """Refuse a device that models could not run on, and say why.

        Args:
            index: which one, or None for the default.

        Raises:
            UsageError: it is not there or cannot be used.
        """

    @abstractmethod
    def free_bytes(self, index: int | None) -> int | None:
        """Return the memory that a new process could take; None where nobody says.

        Args:
            index: which one, or None for the default.
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
    """Refuse ``cpu``, ``cuda`` or ``cuda:N`` where this machine does not have it.

    Raises:
        UsageError: the kind is unknown, the number is none, or the device cannot be used.
    """
    kind, index = _split(device)
    load_device(kind).check(index)


def free_bytes(device: str) -> int | None:
    """Return the memory of ``cpu``, ``cuda`` or ``cuda:N`` that a new process could take; None where nobody says.

    Raises:
        InvalidValueError: no name of a device.
    """
    kind, index = _split(device)
    return load_device(kind).free_bytes(index)


def _split(device: str) -> tuple[str, int | None]:
    kind, colon, number = device.partition(":")
    if colon and not (number.isascii() and number.isdigit()):
        raise InvalidValueError("device", device, f"{kind} or {kind}:N, N being a number from 0 on")
    return kind, int(number) if colon else None
