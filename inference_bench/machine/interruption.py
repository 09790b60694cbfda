"""Interrupting blocking work in another thread: it looks at a flag at every place where it may wait for long.

The flag is ambient, as a cancel scope is: ``with interruption.active(): work()`` in the thread, ``interruption.stop()``
outside. Without an active one, nothing here does anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class InterruptedWorkError(Exception):
    """The work was interrupted; it is no error of the work."""


class Interruption:
    """Interrupts the work in its ``active`` block."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Have the work raise ``InterruptedWorkError`` at the next place where it looks."""
        self._stopped.set()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the work of this block, in this thread, look at this interruption."""
        token = _ACTIVE.set(self)
        try:
            yield
        finally:
            _ACTIVE.reset(token)

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond an interruption.

        Raises:
            InterruptedWorkError: the work was interrupted.
        """
        if self._stopped.wait(seconds):
            raise InterruptedWorkError


_ACTIVE: ContextVar[Interruption | None] = ContextVar("interruption", default=None)


def is_interruptible() -> bool:
    """Whether an interruption is active here."""
    return _ACTIVE.get() is not None


def check_interruption() -> None:
    """Raise where the work was interrupted.

    Raises:
        InterruptedWorkError: the work was interrupted.
    """
    if (active := _ACTIVE.get()) is not None:
        active.wait(0)


def interruptible_sleep(seconds: float) -> None:
    """Sleep, but not beyond an interruption.

    Raises:
        InterruptedWorkError: the work was interrupted.
    """
    active = _ACTIVE.get()
    if active is None:
        time.sleep(seconds)
    else:
        active.wait(seconds)
