"""How many tokens each piece of an answer carries, by what the server says; unknown rather than guessed.

A piece is an event that shows text. Its tokens are those that the server generated since the piece before: tokens that
show nothing, such as half a character, count for the piece that shows them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise

from inference_bench.endpoint.deltas import Delta

TokenEnds = Callable[[str], Sequence[int]]
"""A tokenizer: a text → where in it, in characters, each of its tokens ends, ascending."""


class TokensBy(StrEnum):
    """Where the tokens of the pieces are known from."""

    TOKEN_IDS = "token_ids"
    """the ids that each event carries"""
    USAGE = "usage"
    """the count so far that each event carries, or that of an answer in one piece"""
    LOGPROBS = "logprobs"
    """the log-probabilities that each event carries"""
    ONE_EACH = "one_each"
    """as many pieces as the server counts tokens, and no piece has text without a token"""
    TOKENIZER = "tokenizer"
    """a tokenizer, whose count of the whole text is the server's"""
    UNKNOWN = "unknown"
    """nothing tells"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What tells the tokens of the pieces of one answer.

    Attributes:
        deltas: all events.
        shown: the indices of those that are pieces, ascending.
        completion_tokens: the server's count of the whole answer; None where it does not say.
        token_ends: a tokenizer, for servers that count nothing by event.
    """

    deltas: Sequence[Delta]
    shown: Sequence[int]
    completion_tokens: int | None
    token_ends: TokenEnds | None = None

    @property
    def pieces(self) -> list[Delta]:
        """The events that are pieces."""
        return [self.deltas[index] for index in self.shown]

    def is_whole(self, tokens: int) -> bool:
        """Return whether so many tokens are all that have text: the token that ends an answer has none."""
        ending = 1 if any(each.finish_reason == "stop" for each in self.deltas) else 0
        return self.completion_tokens is not None and 0 <= self.completion_tokens - tokens <= ending


def counted(evidence: Evidence) -> tuple[TokensBy, list[int | None]]:
    """Return how the tokens of each piece are known, and their number: by the first way that tells all of them."""
    for way, totals_by in _WAYS.items():
        totals = totals_by(evidence)
        if totals and all(before <= total for before, total in pairwise([0, *totals])):
            return way, [total - before for before, total in pairwise([0, *totals])]
    return TokensBy.UNKNOWN, [None] * len(evidence.shown)


def _by_ids(evidence: Evidence) -> list[int]:
    if not all(piece.counts_ids for piece in evidence.pieces):
        return []
    return _totals(evidence, [(each.tokens or 0) if each.counts_ids else 0 for each in evidence.deltas])


def _by_usage(evidence: Evidence) -> list[int]:
    counts = [piece.usage.completion_tokens for piece in evidence.pieces if piece.usage is not None]
    totals = [count for count in counts if count is not None]
    return totals if len(totals) == len(evidence.shown) else []


def _by_logprobs(evidence: Evidence) -> list[int]:
    if not all(piece.tokens for piece in evidence.pieces):
        return []
    return _totals(evidence, [each.tokens or 0 for each in evidence.deltas])


def _totals(evidence: Evidence, tokens: Sequence[int]) -> list[int]:
    """Return for each piece the tokens of all events up to it."""
    totals = list(accumulate(tokens))
    return [totals[index] for index in evidence.shown]


def _one_each(evidence: Evidence) -> list[int]:
    pieces = len(evidence.shown)
    return list(range(1, pieces + 1)) if evidence.is_whole(pieces) else []


def _by_tokenizer(evidence: Evidence) -> list[int]:
    """Reasoning and tool calls have tokens of the template between them, which the text does not show."""
    pieces = evidence.pieces
    if evidence.token_ends is None or any(piece.reasoning or piece.tool_call for piece in pieces):
        return []
    ends = evidence.token_ends("".join([piece.content for piece in pieces]))
    if evidence.completion_tokens is not None and not evidence.is_whole(len(ends)):
        return []
    return [bisect_right(ends, length) for length in accumulate(len(piece.content) for piece in pieces)]


_WAYS: Mapping[TokensBy, Callable[[Evidence], list[int]]] = {
    TokensBy.TOKEN_IDS: _by_ids,
    TokensBy.USAGE: _by_usage,
    TokensBy.LOGPROBS: _by_logprobs,
    TokensBy.ONE_EACH: _one_each,
    TokensBy.TOKENIZER: _by_tokenizer,
}
"""Each returns the tokens up to each piece, or nothing where it cannot tell."""
