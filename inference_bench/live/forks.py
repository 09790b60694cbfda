"""Restarts every profiler of a process in its forked child, before anything else runs there."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forking(Protocol):
    """An object with state that no two processes may share."""

    def after_fork_in_child(self) -> None:
        """Begin anew, with locks of its own."""


_KNOWN: weakref.WeakSet[Forking] = weakref.WeakSet()


def restart_in_children(one: Forking) -> None:
    """Have ``after_fork_in_child`` called in every child that is forked while the object lives."""
    _KNOWN.add(one)


def _after_fork_in_child() -> None:
    for one in list(_KNOWN):
        one.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
