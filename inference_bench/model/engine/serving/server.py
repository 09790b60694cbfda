"""A server of concurrent requests whose engine schedules them elsewhere, and gives the tokens of each as they come."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from inference_bench.errors import EngineError
from inference_bench.model.interfaces import TextServer

if TYPE_CHECKING:
    from inference_bench.model.prompts import Prompts

Found: TypeAlias = Sequence[int] | EngineError
"""Tokens of a request, or why there will be none."""


class EngineServer(TextServer):
    """Waits for what the engine finds, and gives it one token after the other.

    Args:
        prompts: what the model accepts.
    """

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._numbers = count()

    @abstractmethod
    def begin(self, request: int, ids: Sequence[int], new_tokens: int, hand_over: Callable[[Found], None]) -> None:
        """Send a request to the engine; ``hand_over`` is called in the event loop with what it finds."""

    @abstractmethod
    def end(self, request: int, *, cancelled: bool) -> None:
        """Forget a request; one that is cancelled has not got all of its tokens."""

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
        arrived: asyncio.Queue[Found] = asyncio.Queue()
        request, left = next(self._numbers), new_tokens
        self.begin(request, prompt, new_tokens, arrived.put_nowait)
        try:
            while left:
                found = await arrived.get()
                if isinstance(found, EngineError):
                    raise EngineError(str(found))
                for token in found[:left]:
                    left -= 1
                    yield token
        finally:
            self.end(request, cancelled=left > 0)
