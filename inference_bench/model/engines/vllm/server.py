"""Concurrent requests to vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from inference_bench.errors import EngineError
from inference_bench.model.engine.serving.server import EngineServer, Found
from inference_bench.model.engines.vllm.library import greedy

if TYPE_CHECKING:
    from inference_bench.model.engine.serving.loop_thread import LoopThread
    from inference_bench.model.prompts import Prompts


class VLLMServer(EngineServer):
    """Passes requests from the client's event loop to that of vLLM, and tokens back.

    Args:
        engine: an ``AsyncLLM``.
        loop: the thread that it lives in.
        prompts: what it accepts.
    """

    def __init__(self, engine: Any, loop: LoopThread, prompts: Prompts) -> None:
        super().__init__(prompts)
        self._engine = engine
        self._loop = loop
        self._name = uuid4().hex  # vLLM wants numbers that no other server of this engine has used
        self._under_way: dict[int, Future[None]] = {}

    def begin(self, request: int, ids: Sequence[int], new_tokens: int, hand_over: Callable[[Found], None]) -> None:
        """Send a request to vLLM."""
        client = asyncio.get_running_loop()

        def pass_on(found: Found) -> None:
            with suppress(RuntimeError):  # the client's loop has ended
                client.call_soon_threadsafe(hand_over, found)

        self._under_way[request] = self._loop.begin(self._serve(request, ids, new_tokens, pass_on))

    def end(self, request: int, *, cancelled: bool) -> None:
        """Forget a request; vLLM aborts one whose coroutine is cancelled."""
        under_way = self._under_way.pop(request)
        if cancelled:
            under_way.cancel()

    async def _serve(self, request: int, ids: Sequence[int], new_tokens: int, pass_on: Callable[[Found], None]) -> None:
        try:
            async for tokens in greedy(self._engine, f"{self._name} {request}", ids, new_tokens):
                pass_on(tokens)
        except EngineError as error:
            pass_on(error)
