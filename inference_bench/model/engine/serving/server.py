"""A server of concurrent requests whose engine schedules them in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from inference_bench.errors import EngineError
from inference_bench.model.engine.serving.child import Child
from inference_bench.model.engine.serving.scheduler import Add, Cancel
from inference_bench.model.interfaces import TextServer

if TYPE_CHECKING:
    from inference_bench.model.engine.serving.scheduler import Recipe
    from inference_bench.model.prompts import Prompts

    Arrived: TypeAlias = asyncio.Queue[Sequence[int] | EngineError]


class ScheduledServer(TextServer):
    """Passes requests to an engine's scheduler as they come, and its tokens back after each step.

    Args:
        title: of the engine, for errors.
        recipe: opens the scheduler.
        prompts: what it accepts.

    Raises:
        EngineError: the scheduler cannot be opened.
    """

    def __init__(self, title: str, recipe: Recipe, prompts: Prompts) -> None:
        self._prompts = prompts
        self._numbers = count()
        self._waiting: dict[int, Arrived] = {}
        self._failed: EngineError | None = None
        self._reading: asyncio.AbstractEventLoop | None = None
        self._child = Child(title, recipe)

    def prompt(self, length: int) -> list[int]:
        """Return the first ``length`` token ids.

        Raises:
            InvalidValueError: a length that the model does not accept.
        """
        self._prompts.check(length)
        return self._prompts.ids(length)

    async def stream(self, prompt: Sequence[int], new_tokens: int) -> AsyncIterator[int]:
        """Yield the tokens of one request; closed early, the request is cancelled.

        Raises:
            EngineError: the engine failed, with this or with another request.
        """
        self._read_in_loop()
        request, left = next(self._numbers), new_tokens
        arrived: Arrived = asyncio.Queue()
        self._waiting[request] = arrived
        self._tell(Add(request, prompt, new_tokens))
        try:
            while left:
                found = await arrived.get()
                if isinstance(found, EngineError):
                    raise EngineError(str(found))
                for token in found[:left]:
                    left -= 1
                    yield token
        finally:
            del self._waiting[request]
            if left:
                self._tell(Cancel(request))

    async def close(self) -> None:
        """End the engine's process."""
        self._stop_reading()
        await asyncio.to_thread(self._child.close)

    def _tell(self, order: Add | Cancel) -> None:
        if self._failed is None:
            try:
                self._child.channel.send(order)
            except OSError:
                self._fail(self._child.ended())
        elif isinstance(order, Add):
            self._waiting[order.request].put_nowait(self._failed)

    def _read_in_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._reading is not loop and self._failed is None:
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
                        self._waiting[request].put_nowait(tokens)
        except (EOFError, OSError):
            self._fail(self._child.ended())

    def _fail(self, error: EngineError) -> None:
        """Tell every waiting request, and those to come."""
        self._failed = error
        self._stop_reading()
        for arrived in self._waiting.values():
            arrived.put_nowait(error)
