"""What a request asked for against what its answer says: prompt, length, end, and hits in the server's prefix cache."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference_bench.endpoint.answer import Answer
from inference_bench.endpoint.workload import PlannedRequest

_ENDS = frozenset({"stop", "length", "eos", "tool_calls", "function_call", "stop_sequence"})
"""Reasons to end of an answer that nothing cut off; ``content_filter`` and ``abort`` are others."""


class Clause(StrEnum):
    """What is compared."""

    STREAMED = "streamed"
    """an event stream, where one was asked for"""
    ENDED = "ended"
    """the answer is whole: no failure"""
    PROMPT_TOKENS = "prompt_tokens"
    """the prompt has the length asked for"""
    OUTPUT_TOKENS = "output_tokens"
    """the answer has the length asked for, or at most that"""
    FINISH_REASON = "finish_reason"
    """``length`` where the length is exact, else any end of the server's own"""
    PREFIX_HIT = "prefix_hit"
    """no more tokens of the prompt came from the server's cache than the workload allows"""


@dataclass(frozen=True, slots=True)
class Breach:
    """A clause that an answer breaks."""

    clause: Clause
    asked: object
    answered: object

    def __str__(self) -> str:
        return f"{self.clause}: asked for {self.asked}, got {self.answered}"


@dataclass(frozen=True, slots=True)
class Kept:
    """How an answer keeps the contract.

    Attributes:
        breaches: the clauses that it breaks, in the order of ``Clause``.
        unknown: the clauses that nothing in the answer tells.
    """

    breaches: tuple[Breach, ...]
    unknown: tuple[Clause, ...]


def kept(request: PlannedRequest, answer: Answer, *, exact: bool = True, streamed: bool = True) -> Kept:
    """Compare an answer with what was asked; of a failed one, only that it failed is said.

    Args:
        request: what the workload planned.
        answer: what came.
        exact: exactly as many new tokens were asked for, not at most as many.
        streamed: an event stream was asked for.
    """
    if answer.failure is not None:
        return Kept((Breach(Clause.ENDED, "a whole answer", answer.failure.kind.value),), ())
    compared = [
        (Clause.STREAMED, streamed, answer.streamed, answer.streamed or not streamed),
        _length_of(Clause.PROMPT_TOKENS, request.prompt_tokens, answer.prompt_tokens, exact=True),
        _length_of(Clause.OUTPUT_TOKENS, request.new_tokens, output_tokens(answer), exact=exact),
        _finish(answer, exact),
        _length_of(Clause.PREFIX_HIT, request.cached_tokens, answer.cached_tokens, exact=False),
    ]
    breaches = tuple(Breach(clause, wanted, got) for clause, wanted, got, holds in compared if holds is False)
    return Kept(breaches, tuple(clause for clause, _, _, holds in compared if holds is None))


def output_tokens(answer: Answer) -> int | None:
    """Return the number of tokens of an answer: the server's count, else the sum over its pieces; None if unknown."""
    if answer.completion_tokens is not None:
        return answer.completion_tokens
    counts = [piece.tokens for piece in answer.pieces if piece.tokens is not None]
    return sum(counts) if counts and len(counts) == len(answer.pieces) else None


_Compared = tuple[Clause, object, object, bool | None]
"""A clause, what was asked, what was got, and whether it holds; None if that is unknown."""


def _length_of(clause: Clause, wanted: int | None, got: int | None, *, exact: bool) -> _Compared:
    if wanted is None:
        return clause, wanted, got, True
    holds = None if got is None else got == wanted if exact else got <= wanted
    return clause, wanted if exact else f"at most {wanted}", got, holds


def _finish(answer: Answer, exact: bool) -> _Compared:
    got = answer.finish_reason
    wanted = "length" if exact else "an end of the server's own"
    holds = None if got is None else got == "length" if exact else got in _ENDS
    return Clause.FINISH_REASON, wanted, got, holds
