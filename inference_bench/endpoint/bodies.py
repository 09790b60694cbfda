"""The JSON bodies of requests for text, in both dialects of OpenAI's API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import orjson

from inference_bench.endpoint.prompt import Prompt
from inference_bench.errors import InvalidValueError

OPTIONAL = ("ignore_eos", "min_tokens", "stream_options", "temperature", "return_token_ids")
"""Fields that some servers refuse; ``accepted_fields`` finds them, and they are left out of the load."""

MAX_TOKENS = "max_tokens"
"""Left out likewise: the limit is then sent by its newer name, ``max_completion_tokens``."""


class Dialect(StrEnum):
    """Which of the two interfaces a load uses."""

    CHAT = "chat"
    COMPLETIONS = "completions"

    @property
    def route(self) -> str:
        """What follows the address: ``/chat/completions`` or ``/completions``."""
        return "/chat/completions" if self is Dialect.CHAT else "/completions"

    def body(
        self,
        model: str,
        prompt: Prompt,
        new_tokens: int,
        *,
        exact: bool = True,
        stream: bool = True,
        usage: bool = True,
        token_ids: bool = False,
        extra: Mapping[str, Any] | None = None,
        without: Collection[str] = (),
    ) -> bytes:
        """Return the JSON body of one request, decoded greedily.

        Args:
            model: the name by which the server knows the model.
            prompt: a text, token ids (completions only) or messages (chat only).
            new_tokens: how many tokens to generate, at most.
            exact: ask the server to generate exactly as many (``ignore_eos``, ``min_tokens``).
            stream: ask for an event per piece of text.
            usage: ask for the count of tokens in the last event of a stream.
            token_ids: ask for the ids of each event's tokens (vLLM).
            extra: further fields; they replace ours.
            without: fields to leave out because the server refuses them; of ``OPTIONAL``, or ``MAX_TOKENS``.

        Raises:
            InvalidValueError: the dialect has no such prompts, or the number of tokens is not positive.
        """
        fields = {"model": model, **self._prompt(prompt), **_length(new_tokens, exact, MAX_TOKENS not in without)}
        fields |= {"temperature": 0, "stream": stream}
        if stream and usage:
            fields["stream_options"] = {"include_usage": True}
        if token_ids:
            fields["return_token_ids"] = True
        kept = {name: value for name, value in fields.items() if name not in without}
        return orjson.dumps(kept | dict(extra or {}))

    def _prompt(self, prompt: Prompt) -> dict[str, Any]:
        if isinstance(prompt, str):
            return {"messages": [{"role": "user", "content": prompt}]} if self is Dialect.CHAT else {"prompt": prompt}
        items = list(prompt)
        if not items:
            raise InvalidValueError("prompt", items, "a text, or at least one token id or message")
        wanted = Mapping if self is Dialect.CHAT else int
        wrong = next((item for item in items if not isinstance(item, wanted) or item is True or item is False), None)
        if wrong is not None:
            expected = "a text or messages" if self is Dialect.CHAT else "a text or token ids"
            other = Dialect.COMPLETIONS if self is Dialect.CHAT else Dialect.CHAT
            given = f"a list with {type(wrong).__name__}"
            raise InvalidValueError(f"prompt of {self}", given, expected, f"Or use {other}.")
        return {"messages" if self is Dialect.CHAT else "prompt": items}


def _length(new_tokens: int, exact: bool, by_old_name: bool) -> dict[str, Any]:
    """Return the fields that say how many tokens to generate."""
    if new_tokens < 1:
        raise InvalidValueError("tokens to generate", new_tokens, "1 or more")
    most = {MAX_TOKENS if by_old_name else "max_completion_tokens": new_tokens}
    return most | ({"ignore_eos": True, "min_tokens": new_tokens} if exact else {})
