"""SIGINT and SIGTERM of the orchestrator's process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals(*stops: Callable[[], None], enabled: bool = True) -> Iterator[None]:
    """Call every one of ``stops`` at SIGINT and SIGTERM while the block runs; main thread only.

    Args:
        stops: called from the running event loop.
        enabled: False leaves the signals alone.
    """

    def stop() -> None:
        for each in stops:
            each()

    loop = asyncio.get_running_loop()
    numbers = _NUMBERS if enabled else ()
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
