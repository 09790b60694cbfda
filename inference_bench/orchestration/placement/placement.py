"""The contract of a placement: "carry out this share on that node, alone".

A placement lives in ``inference_bench/orchestration/placements/<name>.py`` as one subclass of ``Placement``, or in
another distribution behind an entry point of the group ``inference_bench.placements``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

from inference_bench.errors import InferenceBenchError
from inference_bench.plugins import load_class, plugin_names

PACKAGE = "inference_bench.orchestration.placements"
LOCAL = "local"


class NodeLostError(InferenceBenchError):
    """A node that no longer answers; its share goes to another."""


class Placement(ABC):
    """Nodes, and how a share gets to one.

    Class attributes:
        name: file name, set when it is found.

    Args:
        address: of what hands out the nodes; empty for the default.
    """

    name: ClassVar[str] = ""

    def __init__(self, address: str = "") -> None:
        self.address = address

    @abstractmethod
    async def open(self, count: int | None) -> Sequence[str]:
        """Return the names of the nodes to use, each of which no other share will use meanwhile.

        Args:
            count: how many; None for all.

        Raises:
            UsageError: there are fewer, the address does not answer, or their Python or package is of another version.
        """

    @abstractmethod
    def carry_out(self, request: str, node: str) -> AsyncGenerator[str, None]:
        """Carry out a share on a node, alone, in a fresh process, and yield the lines of ``ShareProcess``.

        When the iterator is closed the process has ended, with all that it started.

        Args:
            request: a ``ShareRequest`` as JSON.
            node: one of those that ``open`` returned.

        Raises:
            NodeLostError: the node has died.
        """

    async def close(self) -> None:  # noqa: B027 (most placements hold nothing)
        """Give the nodes back."""


def open_placement(text: str) -> Placement:
    """Return the placement that ``--on`` names: ``local``, ``ray`` or ``ray://host:10001``.

    Raises:
        UnknownNameError: there is none of this name.
        PluginError: its file cannot be used.
    """
    name, _, address = text.partition("://")
    return load_class("placement", PACKAGE, name, Placement)(address)  # type: ignore[type-abstract]


def placement_names() -> list[str]:
    """Return the names of all placements."""
    return plugin_names(PACKAGE)
