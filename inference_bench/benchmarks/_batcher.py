"""Dynamic batching: all queued requests join the next batch, up to the limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from inference_bench.model.interfaces import BatchGenerator, TextServer


@dataclass(slots=True, eq=False)
class _Request:
    """One request in progress.

    Attributes:
        length: tokens of its prompt.
        new_tokens: tokens to generate.
        tokens: generated but not yet consumed; an exception if generating failed.
    """

    length: int
    new_tokens: int
    tokens: asyncio.Queue[int | Exception] = field(default_factory=asyncio.Queue)


class Batcher(TextServer):
    """Serves a batch generator: all queued requests join the next batch, up to the limit.

    A batch runs to completion before the next one starts. Batches run in a thread, so the event loop is not blocked.
    With ``max_batch_size`` 1, requests are computed one at a time in order of arrival.
    """

    schedules = "dynamic batching of this project: those that wait join the next batch, which runs to its end"

    def __init__(self, generator: BatchGenerator, max_batch_size: int) -> None:
        self._generator = generator
        self._max_batch_size = max_batch_size
        self._waiting: asyncio.Queue[_Request] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")
        self._serving: asyncio.Task[None] | None = None

    def prompt(self, length: int) -> int:
        """Return the length: the batch generator makes the prompts of a batch together, because of padding."""
        return length

    async def stream(self, prompt: int, new_tokens: int) -> AsyncIterator[int]:
        """Yield the tokens of one request as they arrive.

        Raises:
            Exception: the exception that the model raised.
        """
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        request = _Request(prompt, new_tokens)
        self._waiting.put_nowait(request)
        for _ in range(new_tokens):
            token = await request.tokens.get()
            if isinstance(token, Exception):
                raise token
            yield token

    async def close(self) -> None:
        """Stop the thread after its current batch."""
        if self._serving is not None:
            self._serving.cancel()
            with suppress(asyncio.CancelledError):
                await self._serving
        await asyncio.to_thread(self._thread.shutdown)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < self._max_batch_size and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await loop.run_in_executor(self._thread, self._generate, batch, loop)
            except Exception as error:
                for request in batch:
                    request.tokens.put_nowait(error)

    def _generate(self, batch: list[_Request], loop: asyncio.AbstractEventLoop) -> None:
        """Generate for a whole batch and pass each step's tokens to the event loop at once."""
        generator = self._generator
        prompts = generator.prompts([request.length for request in batch])
        step = generator.prefill(prompts)
        loop.call_soon_threadsafe(_hand_out, batch, list(step))
        for number in range(1, max(request.new_tokens for request in batch)):
            step = generator.decode()
            wanted = [request for request in batch if number < request.new_tokens]
            tokens = [token for request, token in zip(batch, step, strict=True) if number < request.new_tokens]
            loop.call_soon_threadsafe(_hand_out, wanted, tokens)
        generator.reset()


def _hand_out(batch: list[_Request], tokens: list[int]) -> None:
    for request, token in zip(batch, tokens, strict=True):
        request.tokens.put_nowait(token)
