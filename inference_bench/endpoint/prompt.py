"""What a request asks with: a text, token ids, or the messages of a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Message = Mapping[str, str]
"""``role`` (system, user, assistant) and ``content``."""

Prompt = str | Sequence[int] | Sequence[Message]


def is_messages(prompt: Prompt) -> bool:
    """Return whether a prompt is a list of messages."""
    return not isinstance(prompt, str) and bool(prompt) and isinstance(prompt[0], Mapping)
