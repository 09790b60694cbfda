"""How many tokens a prompt has to a server, with all that the server adds: special tokens and the chat template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from inference_bench.endpoint.prompt import Prompt, is_messages
from inference_bench.errors import InvalidValueError

Post = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Sends JSON to a path of the server and returns the JSON that it answers."""


class Counter(Protocol):
    """Counts the tokens of a prompt as the server does."""

    way: str
    """How: ``tokenize``, ``usage`` or ``tokenizer``."""
    free: bool
    """Whether counting leaves the server's model and caches alone, so that every prompt may be counted."""
    counted: int
    """Prompts counted so far."""

    def count(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt."""
        ...


@dataclass(slots=True)
class CountedBy:
    """A counter made of a function.

    Attributes:
        way: as of ``Counter``.
        free: as of ``Counter``.
        tokens: returns the tokens of a prompt.
    """

    way: str
    free: bool
    tokens: Callable[[Prompt], int]
    counted: int = field(default=0, init=False)

    def count(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt."""
        self.counted += 1
        return self.tokens(prompt)


def by_usage(prompt_tokens: Callable[[Prompt], int]) -> CountedBy:
    """Return a counter that asks for one new token and reads ``usage.prompt_tokens``: a prefill for each count."""
    return CountedBy("usage", False, prompt_tokens)


def by_tokenizer(ids: Callable[[Prompt], list[int]]) -> CountedBy:
    """Return a counter by a tokenizer that is at hand; it counts as the server only if it is the server's own."""
    return CountedBy("tokenizer", True, lambda prompt: len(ids(prompt)))


def by_tokenize(post: Post, model: str, *, chat: bool, applies_template: bool = False) -> CountedBy:
    """Return a counter by the server's ``/tokenize``: that of vLLM and SGLang, or that of llama.cpp.

    Args:
        post: sends the question.
        model: name of the model.
        chat: whether a text is one user message, which the server puts into its chat template.
        applies_template: whether the template is applied by ``/apply-template`` (llama.cpp), not by ``/tokenize``.

    Raises:
        InvalidValueError: when counting, where the answer names no tokens.
    """

    def tokens(prompt: Prompt) -> int:
        return len(tokenized(post, model, prompt, chat=chat, applies_template=applies_template))

    return CountedBy("tokenize", True, tokens)


def tokenized(post: Post, model: str, prompt: Prompt, *, chat: bool, applies_template: bool = False) -> list[int]:
    """Return the token ids of a prompt, by the server's ``/tokenize``; ids are returned as they are.

    Raises:
        InvalidValueError: the answer names no tokens.
    """
    if not isinstance(prompt, str) and not is_messages(prompt):
        return cast("list[int]", list(prompt))
    ids = post("/tokenize", {"model": model, **_question(post, prompt, chat, applies_template)}).get("tokens")
    if not isinstance(ids, list) or not ids:
        raise InvalidValueError("answer of /tokenize", ids, "a list of tokens", "Count by usage instead.")
    return ids


def _question(post: Post, prompt: Prompt, chat: bool, applies_template: bool) -> dict[str, Any]:
    """Return the fields of a question in the words of all servers; each ignores the others'."""
    if isinstance(prompt, str) and not chat:
        return {"prompt": prompt, "content": prompt, "add_special_tokens": True, "add_special": True}
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    if applies_template:
        text = post("/apply-template", {"messages": messages}).get("prompt")
        return {"content": text, "add_special": True, "parse_special": True}
    return {"messages": messages, "add_generation_prompt": True}
