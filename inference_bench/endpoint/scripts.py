"""Scripts for ``ScriptedServer``: what an OpenAI-compatible server sends for a request, and when.

A script is a tuple of steps; a step is the time after the request arrived, in ns, and the bytes that are sent then, the
HTTP head included. Equal steps share their bytes, so that a script of many tokens is small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Literal

import orjson

from inference_bench.endpoint.bodies import Dialect
from inference_bench.errors import InvalidValueError

Step = tuple[int, bytes]
Script = tuple[Step, ...]
Kind = Literal["chat", "completions"]

EVENT_STREAM = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"
MODEL = "scripted"
"""The name of the model that scripts answer for."""

_OBJECTS: Mapping[str, str] = {"chat": "chat.completion.chunk", "completions": "text_completion"}


def sse_stream(
    kind: Kind,
    tokens: int,
    first_token_ns: int,
    token_gap_ns: int,
    *,
    text: str = " tok",
    tokens_per_event: int = 1,
    role_ns: int | None = None,
    prompt_tokens: int = 0,
    cached_tokens: int = 0,
    usage: bool = True,
) -> Script:
    """Return the script of a stream of equal tokens at equal gaps.

    Args:
        kind: ``chat`` or ``completions``.
        tokens: how many, at least 1.
        first_token_ns: when the first event with text is sent.
        token_gap_ns: time from one event to the next.
        text: of each token.
        tokens_per_event: how many tokens an event carries; the last one has what is left.
        role_ns: when the event with the role alone is sent, which a chat begins with; by default with the first token.
        prompt_tokens: what ``usage`` says.
        cached_tokens: likewise.
        usage: end with an event that has no choices but the counts of tokens.

    Raises:
        InvalidValueError: no tokens, no tokens in an event, or times below 0 or not in order.
    """
    if tokens < 1 or tokens_per_event < 1:
        raise InvalidValueError("tokens of a script", (tokens, tokens_per_event), "at least 1, and 1 in each event")
    sizes = [min(tokens_per_event, tokens - sent) for sent in range(0, tokens, tokens_per_event)]
    texts = [delta_event(kind, text * size) for size in sizes[:-1]]
    texts.append(delta_event(kind, text * sizes[-1], finish_reason="length"))
    shared = {event: event for event in texts}
    events = [(first_token_ns + index * token_gap_ns, shared[event]) for index, event in enumerate(texts)]
    if kind == "chat":
        events.insert(0, (first_token_ns if role_ns is None else role_ns, delta_event(kind, "", role="assistant")))
    tail = usage_event(kind, prompt_tokens, tokens, cached_tokens) if usage else b""
    return streamed([*events, (events[-1][0], tail + DONE)])


def streamed(
    events: Iterable[Step], *, status: int = 200, content_type: str = EVENT_STREAM, ends: bool = True
) -> Script:
    """Return a response in chunked coding: the head at once, each piece as one chunk at its time.

    Args:
        events: when each piece is sent, never decreasing, and its bytes.
        status: of HTTP.
        content_type: the header of that name.
        ends: send the last chunk, with the last piece; without it the response is cut short.

    Raises:
        InvalidValueError: a time is below 0, or before an earlier one.
    """
    chunks: dict[bytes, bytes] = {}
    steps = [(0, head(status, content_type))]
    steps += [(time_ns, chunks.setdefault(piece, chunk(piece))) for time_ns, piece in events]
    if ends:
        last_ns, last = steps[-1]
        steps[-1] = (last_ns, last + LAST_CHUNK)
    for (before_ns, _), (after_ns, _) in pairwise(steps):
        if after_ns < before_ns:
            raise InvalidValueError("times of a script", f"{after_ns} ns after {before_ns} ns", "0 or more, in order")
    return tuple(steps)


def json_answer(said: object, status: int = 200, *, after_ns: int = 0) -> Script:
    """Return a JSON response of known length, sent at once."""
    body = orjson.dumps(said)
    return ((after_ns, head(status, "application/json", length=len(body)) + body),)


def model_list(model: str = MODEL) -> Script:
    """Return the answer to ``GET /v1/models``."""
    return json_answer({"object": "list", "data": [{"id": model, "object": "model", "max_model_len": 1 << 20}]})


def not_found() -> Script:
    """Return the answer to what the server does not have."""
    return json_answer({"detail": "Not Found"}, 404)


# ---- parts


def head(status: int = 200, content_type: str = EVENT_STREAM, *, length: int | None = None) -> bytes:
    """Return the HTTP head of a response in chunked coding, or of ``length`` bytes."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n".encode()
    )


def chunk(data: bytes) -> bytes:
    """Return data as one chunk of the chunked coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(said: object) -> bytes:
    """Return a JSON value as a server-sent event."""
    return b"data: " + orjson.dumps(said) + b"\n\n"


def delta_event(
    kind: Kind,
    text: str,
    *,
    role: str | None = None,
    reasoning: str | None = None,
    finish_reason: str | None = None,
    token_ids: list[int] | None = None,
) -> bytes:
    """Return the event of one piece of text, in the shape of vLLM's server."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish_reason}
    if Dialect(kind) is Dialect.CHAT:
        parts = {"role": role, "content": text if reasoning is None else None, "reasoning_content": reasoning}
        choice["delta"] = {name: part for name, part in parts.items() if part is not None}
    else:
        choice["text"] = text
    if token_ids is not None:
        choice["token_ids"] = token_ids
    return event(_envelope(kind) | {"choices": [choice]})


def usage_event(kind: Kind, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> bytes:
    """Return the event without choices that ``stream_options.include_usage`` asks for."""
    counts = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }
    return event(_envelope(kind) | {"choices": [], "usage": counts})


def _envelope(kind: Kind) -> dict[str, Any]:
    return {"id": "scripted-1", "object": _OBJECTS[kind], "created": 1_700_000_000, "model": MODEL}
