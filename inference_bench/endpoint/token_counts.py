"""How many tokens each piece of an answer carries, by what the server says; unknown rather than guessed.

A piece is an event that shows text. Its tokens are those that the server generated since the piece before: tokens that
show nothing, such as half a character, count for the piece that shows them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
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


def counted(
    deltas: Sequence[Delta],
    shown: Sequence[int],
    completion_tokens: int | None,
    token_ends: TokenEnds | None = None,
) -> tuple[TokensBy, list[int | None]]:
    """Return how the tokens of each piece are known, and their number.

    Args:
        deltas: all events of an answer.
        shown: the indices of those that are pieces, ascending.
        completion_tokens: the server's count of the whole answer.
        token_ends: a tokenizer, for servers that count nothing by event.
    """
    for way, totals in (
        (TokensBy.TOKEN_IDS, _by_ids(deltas, shown)),
        (TokensBy.USAGE, _by_usage(deltas, shown)),
        (TokensBy.LOGPROBS, _by_logprobs(deltas, shown)),
        (TokensBy.ONE_EACH, _one_each(deltas, shown, completion_tokens)),
        (TokensBy.TOKENIZER, _by_tokenizer(deltas, shown, completion_tokens, token_ends)),
    ):
        if totals and all(before <= total for before, total in pairwise([0, *totals])):
            return way, [total - before for before, total in pairwise([0, *totals])]
    return TokensBy.UNKNOWN, [None] * len(shown)


def _by_ids(deltas: Sequence[Delta], shown: Sequence[int]) -> list[int]:
    if not all(deltas[index].counts_ids for index in shown):
        return []
    totals = list(accumulate((each.tokens or 0) if each.counts_ids else 0 for each in deltas))
    return [totals[index] for index in shown]


def _by_usage(deltas: Sequence[Delta], shown: Sequence[int]) -> list[int]:
    totals = [_so_far(deltas[index]) for index in shown]
    return [total for total in totals if total is not None] if None not in totals else []


def _so_far(delta: Delta) -> int | None:
    if delta.usage is not None and delta.usage.completion_tokens is not None:
        return delta.usage.completion_tokens
    return (delta.timings or {}).get("predicted_n")


def _by_logprobs(deltas: Sequence[Delta], shown: Sequence[int]) -> list[int]:
    if not all(deltas[index].tokens for index in shown):
        return []
    totals = list(accumulate(each.tokens or 0 for each in deltas))
    return [totals[index] for index in shown]


def _one_each(deltas: Sequence[Delta], shown: Sequence[int], completion_tokens: int | None) -> list[int]:
    """The last token of an answer that stopped by itself ends it and has no text."""
    silent = 1 if any(each.finish_reason == "stop" for each in deltas) else 0
    if completion_tokens is None or len(shown) not in (completion_tokens, completion_tokens - silent):
        return []
    return list(range(1, len(shown) + 1))


def _by_tokenizer(
    deltas: Sequence[Delta], shown: Sequence[int], completion_tokens: int | None, token_ends: TokenEnds | None
) -> list[int]:
    """Reasoning and tool calls have tokens of the template between them, which the text does not show."""
    if token_ends is None or any(deltas[index].reasoning or deltas[index].tool_call for index in shown):
        return []
    pieces = [deltas[index].content for index in shown]
    ends = token_ends("".join(pieces))
    silent = 1 if any(each.finish_reason == "stop" for each in deltas) else 0
    if completion_tokens is not None and len(ends) not in (completion_tokens, completion_tokens - silent):
        return []
    return [bisect_right(ends, length) for length in accumulate(map(len, pieces))]
