"""What an event of a stream, or a whole JSON answer, carries: text, counts of tokens, the reason to end, an error.

The shapes are those of OpenAI's API and of what vLLM, llama.cpp, SGLang and others add to it: ``reasoning_content`` or
``reasoning``, ``token_ids``, ``timings``, errors as objects or as texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]

_DONE = b"[DONE]"
_NO_MESSAGE = "no message"


@dataclass(frozen=True, slots=True)
class Usage:
    """A server's count of tokens so far; None where it does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(slots=True)
class Delta:
    """What one event carries.

    Attributes:
        content: text of the answer.
        reasoning: text of the model's reasoning, which servers keep apart.
        tool_call: whether it carries a part of a tool call.
        finish_reason: why the server ended the answer: ``stop``, ``length`` …
        tokens: how many token ids or, if the server sends none, log-probabilities it carries; None for neither.
        counts_ids: ``tokens`` is the number of token ids.
        prompt_tokens: number of the prompt's ids, where the server sends them.
        usage: the server's count so far.
        timings: llama.cpp's own times.
        error: the server's message, never empty, where the event is an error.
        is_done: it is ``[DONE]``.
        is_malformed: it is no JSON, or JSON of another shape.
    """

    content: str = ""
    reasoning: str = ""
    tool_call: bool = False
    finish_reason: str | None = None
    tokens: int | None = None
    counts_ids: bool = False
    prompt_tokens: int | None = None
    usage: Usage | None = None
    timings: Json | None = None
    error: str = ""
    is_done: bool = False
    is_malformed: bool = False


def delta(data: bytes, name: bytes = b"") -> Delta:
    """Read the data of an event, or the body of an answer that is no stream.

    Args:
        data: the event's data.
        name: the event's type; an event of type ``error`` is an error whatever its data is.
    """
    if data.strip() == _DONE:
        return Delta(is_done=True)
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _unreadable(data, name)
    if name == b"error" or (isinstance(said, dict) and _is_error(said)):
        return Delta(error=_message(said))
    try:
        return _read(said)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return Delta(is_malformed=True)


def _unreadable(data: bytes, name: bytes) -> Delta:
    if name == b"error":
        return Delta(error=data.decode(errors="replace").strip() or _NO_MESSAGE)
    return Delta(is_malformed=True)


def _is_error(said: Json) -> bool:
    return bool(said.get("error")) or said.get("object") == "error"


def _message(said: object) -> str:
    """Return the message of an error: ``{"error": {"message": …}}``, ``{"error": …}``, ``{"message": …}``, or all."""
    inner = said.get("error", said) if isinstance(said, dict) else said
    message = inner.get("message", inner) if isinstance(inner, dict) else inner
    if isinstance(message, str):
        return message.strip() or _NO_MESSAGE
    return orjson.dumps(message).decode()


def _read(said: Json) -> Delta:
    choices = said.get("choices") if "usage" in said else said["choices"]
    if choices is not None and not isinstance(choices, list):
        raise TypeError(f"a list of choices expected, not {type(choices).__name__}")
    found = _of_choice(choices[0]) if choices else Delta()
    if (timings := said.get("timings")) is not None:
        found.timings = dict(timings)
    if timings is not None or said.get("usage") is not None:
        found.usage = _usage(said.get("usage") or {}, timings or {})
    if (ids := said.get("prompt_token_ids")) is not None:
        found.prompt_tokens = len(ids)
    return found


def _of_choice(choice: Json) -> Delta:
    part = choice.get("delta") or choice.get("message") or choice
    found = Delta(_text(part.get("content") or part.get("text")))
    if reasoning := part.get("reasoning_content") or part.get("reasoning"):
        found.reasoning = _text(reasoning)
    if part.get("tool_calls") or part.get("function_call"):
        found.tool_call = True
    if reason := choice.get("finish_reason"):
        found.finish_reason = _text(reason)
    if (ids := choice.get("token_ids")) is not None:
        found.tokens, found.counts_ids = len(ids), True
    elif (logprobs := choice.get("logprobs")) is not None:
        found.tokens = len(logprobs.get("content") or logprobs.get("tokens") or ())
    if (ids := choice.get("prompt_token_ids")) is not None:
        found.prompt_tokens = len(ids)
    return found


def _text(value: object) -> str:
    """Return a text, or the texts of a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(part.get("text", "") for part in value)
    if value:
        raise TypeError(f"text expected, not {type(value).__name__}")
    return ""


def _usage(usage: Json, timings: Json) -> Usage:
    """Return the counts of OpenAI's ``usage`` with its variants, and what llama.cpp's times say besides."""
    prompt, completion = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    processed, from_cache = timings.get("prompt_n"), timings.get("cache_n")
    whole_prompt = None if processed is None or from_cache is None else processed + from_cache
    return Usage(
        _count(usage.get("prompt_tokens", whole_prompt)),
        _count(usage.get("completion_tokens", timings.get("predicted_n"))),
        _count(prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens", from_cache))),
        _count(completion.get("reasoning_tokens", usage.get("reasoning_tokens"))),
    )


def _count(value: object) -> int | None:
    if value is None or (isinstance(value, int) and value >= 0):
        return value
    raise TypeError(f"a count expected, not {value!r}")
