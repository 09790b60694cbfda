"""Workloads as the native transport plays them, against a server over real connections."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from inference_bench._native import HttpLoad
from inference_bench.endpoint import vocabulary
from inference_bench.endpoint.answer import Answer, answers
from inference_bench.endpoint.arrivals import concurrent, constant, offline, poisson, single_stream
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.contract import Clause, kept
from inference_bench.endpoint.counters import by_tokenizer
from inference_bench.endpoint.prefix_cache import PrefixCache
from inference_bench.endpoint.prompt_tokens import PromptMaker
from inference_bench.endpoint.sessions import sized_sessions
from inference_bench.endpoint.workload import Workload, sized
from inference_bench.model.prompts import prompt_text
from tests.endpoint.canned_server import Canned, canned_server
from tests.endpoint.recorded import STREAM, event
from tests.small_tokenizers import server_ids

WAIT_NS = 3_000_000


@pytest.fixture
def maker():
    counter = by_tokenizer(server_ids("byte_bpe", chat=True))
    return PromptMaker(vocabulary.of_words(prompt_text(), counter), counter)


def counted(sent: dict) -> Canned:
    """Answer with the number of tokens that the server finds in the prompt."""
    tokens = len(server_ids("byte_bpe", chat=True)(sent["messages"]))
    usage = {"prompt_tokens": tokens, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0}}
    end = {"choices": [{"delta": {"content": "a"}, "finish_reason": "length"}], "usage": usage}
    return Canned(event(json.dumps(end)) + event("[DONE]"), 200, STREAM)


def played(load: Workload) -> list[Answer]:
    """Send a workload as an integration does: bodies by the dialect, the plan by the transport."""
    with canned_server({"/v1/chat/completions": counted}) as server:
        bodies = [Dialect.CHAT.body("m", request.prompt, request.new_tokens) for request in load.requests]
        native = HttpLoad(
            server.address.host,
            server.address.port,
            [server.address.request("POST", Dialect.CHAT.route, body=body) for body in bodies],
            offsets_ns=load.offsets_ns,
            after=load.after,
            concurrency=load.arrivals.concurrency,
        )
        native.start()
        assert native.wait(60)
        return answers(native)


@pytest.mark.parametrize(
    "arrivals", [single_stream(6), concurrent(3, 6), offline(6), constant(500, 6), poisson(500, 6, 1)]
)
def test_each_prompt_has_the_length_that_the_contract_asks_for(maker, arrivals):
    load = sized(maker, arrivals, prompt_tokens=90, new_tokens=1)
    got = played(load)

    for request, answer in zip(load.requests, got, strict=True):
        assert answer.prompt_tokens == 90
        assert kept(request, answer).breaches == ()


def test_the_contract_finds_a_prompt_of_another_length(maker):
    load = sized(maker, single_stream(1), prompt_tokens=90, new_tokens=1)
    (answer,) = played(load)

    (breach,) = kept(replace(load.requests[0], prompt_tokens=91), answer).breaches
    assert breach.clause is Clause.PROMPT_TOKENS


def test_instants_are_planned_as_the_arrivals_say(maker):
    load = sized(maker, poisson(400, 20, seed=3), prompt_tokens=40, new_tokens=1)
    planned = np.array([answer.planned_ns for answer in played(load)])

    assert np.array_equal(np.diff(planned), np.diff(load.offsets_ns))


@pytest.mark.parametrize("arrivals", [concurrent(2, 5), constant(200, 5)], ids=["closed", "open"])
def test_a_turn_is_planned_after_the_one_before_has_ended(maker, arrivals):
    load = sized_sessions(maker, arrivals, turns=3, prompt_tokens=60, turn_tokens=10, new_tokens=1, wait_ns=WAIT_NS)
    got = played(load)

    assert [answer.prompt_tokens for answer in got] == [60, 71, 82] * 5
    for request, answer in zip(load.requests, got, strict=True):
        if request.after >= 0:
            assert answer.planned_ns == got[request.after].ended_ns + WAIT_NS


def test_clients_begin_a_session_when_the_last_turn_of_another_has_ended(maker):
    load = sized_sessions(maker, concurrent(2, 5), turns=2, prompt_tokens=60, turn_tokens=10, new_tokens=1)
    got = played(load)
    spans = [(got[first].planned_ns, got[first + 1].ended_ns) for first in range(0, 10, 2)]

    for began, _ in spans:
        assert sum(other_began <= began < other_ended for other_began, other_ended in spans) <= 2


def test_a_repeated_nonce_repeats_the_prompts_and_a_new_run_does_not(maker):
    first = sized(maker, offline(4), prompt_tokens=60, new_tokens=1)
    again = PrefixCache.parse("unique", seed=0, nonce=first.prefix_cache.nonce)
    repeated, other = (
        sized(maker, offline(4), prompt_tokens=60, new_tokens=1, prefix_cache=cache) for cache in (again, None)
    )

    assert repeated.requests == first.requests
    assert not {request.prompt for request in other.requests} & {request.prompt for request in first.requests}
