"""A server whose engine schedules requests in a process that this project starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from inference_bench.errors import EngineError
from inference_bench.model.engine.serving.child import Child
from inference_bench.model.engine.serving.scheduler import Add, Cancel
from inference_bench.model.engine.serving.server import EngineServer, Found

if TYPE_CHECKING:
    from inference_bench.model.engine.serving.scheduler import Order, Recipe
    from inference_bench.model.prompts import Prompts


class ScheduledServer(EngineServer):
    """Passes requests to an engine's scheduler as they come, and its tokens back after each step.

    Args:
        title: of the engine, for errors.
        recipe: opens the scheduler.
        prompts: what it accepts.

    Raises:
        EngineError: the scheduler cannot be opened.
    """

    def __init__(self, title: str, recipe: Recipe, prompts: Prompts) -> None:
        super().__init__(prompts)
        self._waiting: dict[int, Callable[[Found], None]] = {}
        self._failed: EngineError | None = None
        self._reading: asyncio.AbstractEventLoop | None = None
        self._child = Child(title, recipe)

    def begin(self, request: int, ids: Sequence[int], new_tokens: int, hand_over: Callable[[Found], None]) -> None:
        """Send a request to the scheduler."""
        self._waiting[request] = hand_over
        if self._failed is None:
            self._read_in_loop()
            self._tell(Add(request, ids, new_tokens))
        else:
            hand_over(self._failed)

    def end(self, request: int, *, cancelled: bool) -> None:
        """Forget a request."""
        del self._waiting[request]
        if cancelled and self._failed is None:
            self._tell(Cancel(request))

    async def close(self) -> None:
        """End the engine's process."""
        self._stop_reading()
        await asyncio.to_thread(self._child.close)

    def _tell(self, order: Order) -> None:
        try:
            self._child.channel.send(order)
        except OSError:
            self._fail(self._child.ended())

    def _read_in_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._reading is not loop:
            self._stop_reading()
            loop.add_reader(self._child.channel.fileno(), self._read)
            self._reading = loop

    def _stop_reading(self) -> None:
        if self._reading is not None and not self._reading.is_closed():
            self._reading.remove_reader(self._child.channel.fileno())
        self._reading = None

    def _read(self) -> None:
        """Hand out what has come."""
        try:
            while self._child.channel.poll():
                found = self._child.channel.recv()
                if isinstance(found, EngineError):
                    return self._fail(self._child.named(found))
                for request, tokens in found:
                    if request in self._waiting:  # else it was cancelled
                        self._waiting[request](tokens)
        except (EOFError, OSError):
            self._fail(self._child.ended())

    def _fail(self, error: EngineError) -> None:
        """Tell every waiting request, and those to come."""
        self._failed = error
        self._stop_reading()
        for hand_over in self._waiting.values():
            hand_over(error)
