"""Requests to a server in this process: together, and each alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from inference_bench.model.interfaces import TextServer

Asked = tuple[Sequence[int], int]
"""A prompt, and how many tokens are asked for."""


def together(server: TextServer, *asked: Asked) -> list[list[int]]:
    """Return the tokens of requests that are sent at once; the server is then closed."""

    async def answers() -> list[list[int]]:
        try:
            return await asyncio.gather(*(_answer(server, *one) for one in asked))
        finally:
            await server.close()

    return asyncio.run(answers())


async def _answer(server: TextServer, ids: Sequence[int], new_tokens: int) -> list[int]:
    return [token async for token in server.stream(ids, new_tokens)]
