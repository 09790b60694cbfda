"""A profiler that is not running: it says so once, because its calls record nothing and raise nothing."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Hashable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable, contravariant=True)
T = TypeVar("T", covariant=True)

_PACKAGE = str(Path(__file__).parents[1])


class Names(Protocol[K, T]):
    """A table of series."""

    def get(self, key: K) -> T:
        """Return the series of this key."""


class IdleWarning:
    """Warns at the first use after the construction, and at the first after each ``reset``.

    Args:
        name: name of the profiler.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = self._warned = False

    def reset(self) -> None:
        """Warn again at the next use, which will follow a stop."""
        self._started, self._warned = True, False

    def __call__(self) -> None:
        """Warn, with the first line outside of this package as the place."""
        if self._warned:
            return
        self._warned = True
        state = "has stopped" if self._started else "is not started"
        warnings.warn(
            f"profiler {self._name!r} {state}: nothing is recorded while it is not running. Call start(), or serve "
            'inside its `with` block (docs/live.md, "Start and stop").',
            RuntimeWarning,
            stacklevel=_depth(),
        )


class IdleTable(Generic[K, T]):
    """The names of a profiler that is not running: ``get`` warns, and returns what the table has.

    It replaces the table, so that a running profiler asks nothing more.
    """

    def __init__(self, table: Names[K, T], warn: IdleWarning) -> None:
        self._table = table
        self._warn = warn

    def get(self, key: K) -> T:
        """Return the series of this key. Raises what ``SeriesTable.get`` raises."""
        found = self._table.get(key)
        self._warn()
        return found


def _depth() -> int:
    """Return ``stacklevel`` of the first frame outside of this package, as seen from the caller."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        depth, frame = depth + 1, frame.f_back
    return depth
