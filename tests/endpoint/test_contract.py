"""The contract of a request: each clause kept, broken and unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.endpoint.answer import Answer, Piece, PieceKind
from inference_bench.endpoint.contract import Clause, kept
from inference_bench.endpoint.failure import Failure, FailureKind
from inference_bench.endpoint.workload import PlannedRequest

ASKED = PlannedRequest("Hi", prompt_tokens=10, new_tokens=4, cached_tokens=0)
ANSWER = Answer(
    *range(9),
    streamed=True,
    done=True,
    prompt_tokens=10,
    completion_tokens=4,
    cached_tokens=0,
    finish_reason="length",
)


def test_an_answer_that_keeps_everything():
    found = kept(ASKED, ANSWER)

    assert (found.breaches, found.unknown) == ((), ())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"prompt_tokens": 23}, "prompt_tokens: asked for 10, got 23"),
        ({"completion_tokens": 3}, "output_tokens: asked for 4, got 3"),
        ({"completion_tokens": 5}, "output_tokens: asked for 4, got 5"),
        ({"finish_reason": "stop"}, "finish_reason: asked for length, got stop"),
        ({"cached_tokens": 8}, "prefix_hit: asked for at most 0, got 8"),
        ({"streamed": False}, "streamed: asked for True, got False"),
        ({"failure": Failure(FailureKind.RESET), "prompt_tokens": 1}, "ended: asked for a whole answer, got reset"),
    ],
)
def test_each_clause_can_be_broken(change, text):
    found = kept(ASKED, replace(ANSWER, **change))

    assert [str(breach) for breach in found.breaches] == [text]


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"prompt_tokens": None}, Clause.PROMPT_TOKENS),
        ({"completion_tokens": None}, Clause.OUTPUT_TOKENS),
        ({"finish_reason": None}, Clause.FINISH_REASON),
        ({"cached_tokens": None}, Clause.PREFIX_HIT),
    ],
)
def test_what_the_server_does_not_say_is_unknown_not_kept_and_not_broken(change, clause):
    found = kept(ASKED, replace(ANSWER, **change))

    assert (found.breaches, found.unknown) == ((), (clause,))


def test_tokens_of_the_pieces_count_where_the_server_gives_no_total():
    pieces = tuple(Piece(0, 0, PieceKind.CONTENT, tokens, False) for tokens in (1, 2))
    answer = replace(ANSWER, completion_tokens=None, pieces=pieces)

    assert [str(breach) for breach in kept(ASKED, answer).breaches] == ["output_tokens: asked for 4, got 3"]
    unknown = replace(answer, pieces=(*pieces, pieces[0]._replace(tokens=None)))
    assert kept(ASKED, unknown).unknown == (Clause.OUTPUT_TOKENS,)


def test_an_inexact_length_is_the_most():
    def breaches(**change):
        return kept(ASKED, replace(ANSWER, **change), exact=False).breaches

    assert not breaches(completion_tokens=2, finish_reason="stop")
    assert breaches(completion_tokens=5) and breaches(finish_reason="content_filter")


def test_what_was_not_asked_is_not_compared():
    asked = PlannedRequest("Hi", prompt_tokens=None, new_tokens=4)
    answer = replace(ANSWER, prompt_tokens=None, cached_tokens=9, streamed=False)

    found = kept(asked, answer, streamed=False)

    assert (found.breaches, found.unknown) == ((), ())
