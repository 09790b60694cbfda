"""Prompts of a given number of tokens: real text, or drawn token ids where a model has no tokenizer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from inference_bench.errors import InvalidValueError

_FILE = Path(__file__).with_name("prompt.txt")


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts that a loaded model accepts.

    Attributes:
        shortest: tokens of the shortest prompt.
        longest: tokens of the longest prompt.
        ids: returns the token ids of a prompt of this length.
    """

    shortest: int
    longest: int
    ids: Callable[[int], list[int]]

    def check(self, length: int) -> None:
        """Refuse a length that the model does not accept.

        Raises:
            InvalidValueError: fewer than ``shortest``, or more than ``longest``.
        """
        if not self.shortest <= length <= self.longest:
            raise InvalidValueError("input length", length, f"{self.shortest} to {self.longest} tokens")


@cache
def prompt_text() -> str:
    """Return the English text that all prompts are taken from."""
    return _FILE.read_text(encoding="utf-8")


def text_ids(tokenize: Callable[[str], list[int]], count: int) -> list[int]:
    """Return the first ``count`` token ids of the prompt text, repeated if needed.

    Raises:
        InvalidValueError: a tokenizer that knows no word of it.
    """
    text = prompt_text()
    ids = tokenize(text)
    if not ids:
        raise InvalidValueError("tokenizer", "no tokens for English text", "some", "Its vocabulary may be missing.")
    while len(ids) <= count:  # one more than needed: the last may be part of a longer token
        text += text
        ids = tokenize(text)
    return ids[:count]


def random_ids(vocabulary: int, seed: int, count: int) -> list[int]:
    """Return ``count`` token ids below ``vocabulary``, drawn from the seed."""
    draw = random.Random(seed)
    return [draw.randrange(vocabulary) for _ in range(count)]
