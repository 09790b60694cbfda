"""Scorers whose answers are known, for the tests of accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from inference_bench.model.interfaces import Likelihood, TextScorer

BITS = {"a": 1, "b": 2, "c": 3, "d": 3}
"""A source of four letters with dyadic probabilities: every likelihood is a whole number of bits. Others cost 8."""


class BitScorer(TextScorer):
    """One token a character; what came before changes nothing; it always writes ``reply``."""

    def __init__(self, reply: str = "") -> None:
        self.reply = reply
        self.asked: list[tuple[str, ...]] = []

    def log_likelihoods(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        self.asked.append((context, *continuations))
        return [self.text_likelihood(text.removeprefix(" ")) for text in continuations]

    def text_likelihood(self, text: str) -> Likelihood:
        bits = sum(BITS.get(letter, 8) for letter in text)
        return Likelihood(-bits * math.log(2), len(text), set(text) == {"a"})

    def complete(self, prompt: str, stop: Sequence[str], new_tokens: int) -> str:
        self.asked.append((prompt, *stop))
        return self.reply[:new_tokens]

    def passages(self, count: int, length: int) -> list[list[int]]:
        return [[number] * length for number in range(count)]

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        return np.tile(np.array([3, 2, 1, 0], np.float32), (len(ids), 1))

    def greedy(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        return [0] * new_tokens


def byte_tokenizer():
    """Return a real tokenizer with one token a byte, then ``<s>`` and ``</s>``."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
