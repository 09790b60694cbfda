"""A real llama.cpp server: what it is, what it accepts, and that its counts agree with ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference_bench._native import HttpLoad
from inference_bench.endpoint.accepted_fields import refused_fields
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.answer import Answer, answers
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.contract import kept
from inference_bench.endpoint.probe import probe
from inference_bench.endpoint.server_metrics import ServerMetrics, prefix_cache_use
from inference_bench.endpoint.token_counts import TokensBy
from inference_bench.endpoint.workload import PlannedRequest
from tests.endpoint.llama_server import llama_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with llama_server() as found:
        yield found


def loaded(address: Address, dialect: Dialect, *bodies: bytes) -> list[Answer]:
    requests = [address.request("POST", dialect.route, body=body) for body in bodies]
    load = HttpLoad(address.host, address.port, requests, concurrency=1)
    load.start()
    assert load.wait(120)
    return answers(load)


def test_what_it_is(address):
    facts = probe(Client(address))

    assert facts.software == "llama.cpp" and facts.tokenizes and facts.has_metrics
    assert facts.shown_model.endswith(".gguf") and "/" not in facts.shown_model
    assert facts.details["slots"] == 2


@pytest.mark.parametrize("dialect", Dialect)
def test_it_accepts_every_field(address, dialect):
    assert refused_fields(Client(address), dialect, "m") == frozenset()


@pytest.mark.parametrize("dialect", Dialect)
def test_lengths_are_as_asked_and_each_event_is_a_token(address, dialect):
    (answer,) = loaded(address, dialect, dialect.body("m", "Count the dogs", 12))

    assert kept(PlannedRequest("", None, 12), answer).breaches == ()
    assert answer.tokens_by is TokensBy.ONE_EACH and sum(piece.tokens for piece in answer.pieces) == 12
    assert answer.timings["predicted_n"] == 12


def test_the_count_in_each_event_agrees_with_one_each(address):
    body = Dialect.COMPLETIONS.body("m", "Count the dogs", 12, extra={"timings_per_token": True})

    (answer,) = loaded(address, Dialect.COMPLETIONS, body)

    assert answer.tokens_by is TokensBy.USAGE and [piece.tokens for piece in answer.pieces] == [1] * 12


def test_a_prompt_that_was_sent_before_is_a_hit_in_the_answer_and_in_the_counters(address):
    client = Client(address)
    body = Dialect.COMPLETIONS.body("m", "One two three four five six seven eight nine ten", 2)

    with ServerMetrics(client.at(address.root)) as metrics:
        first, second = loaded(address, Dialect.COMPLETIONS, body, body)

    use = prefix_cache_use(metrics.change())
    assert second.cached_tokens > 5 and kept(PlannedRequest("", None, 2, 0), second).breaches[0].clause == "prefix_hit"
    assert use.hit_tokens == first.cached_tokens + second.cached_tokens
    assert use.queried_tokens == first.prompt_tokens + second.prompt_tokens


def test_a_prompt_that_is_too_long_is_a_typed_failure(address):
    (answer,) = loaded(address, Dialect.CHAT, Dialect.CHAT.body("m", "a " * 2000, 2))

    assert str(answer.failure).startswith("http_status: 400 Bad Request: request (20")
