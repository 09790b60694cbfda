"""Endpoints of a scripted server in this process, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from inference_bench._native import ScriptedServer
from inference_bench.endpoint.null_server import ROUTES
from inference_bench.endpoint.scripts import Script, sse_stream
from inference_bench.units import NS_PER_MS

TOKENS = 4
FIRST_NS, GAP_NS = 20 * NS_PER_MS, 5 * NS_PER_MS
ANSWER = sse_stream("chat", TOKENS, FIRST_NS, GAP_NS, prompt_tokens=0)
ASK = {"input_length": (8,), "new_tokens": (TOKENS,), "requests": (8,), "rate": (50,)}
"""Axes of a load that the answers fit."""
BEFORE = (ANSWER,) * 6
"""What a server plays before the first measured request: two questions of the client, and four warm-ups."""


@contextmanager
def scripted_endpoint(
    scripts: Sequence[Script] = (ANSWER,), close: str | Sequence[str] = "keep"
) -> Iterator[tuple[str, ScriptedServer]]:
    """Serve scripts in turn and yield the address with the server."""
    with ScriptedServer(scripts, close=close, routes=ROUTES) as server:
        yield f"http://127.0.0.1:{server.port}/v1", server
