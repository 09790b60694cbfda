"""Which fields a server refuses, found by requests to a server that refuses them."""

from __future__ import annotations

import json
from collections.abc import Collection

import pytest

from inference_bench.endpoint.accepted_fields import refused_fields
from inference_bench.endpoint.bodies import MAX_TOKENS, Dialect
from inference_bench.endpoint.client import Client
from inference_bench.errors import EndpointError
from tests.endpoint.canned_server import Canned, CannedServer, canned_server
from tests.endpoint.recorded import event

ANSWER = Canned(event(json.dumps({"choices": [{"delta": {"content": "a"}}]})) + event("[DONE]"))


def refusing(fields: Collection[str], status: int = 400) -> tuple[frozenset[str], CannedServer]:
    """Return what is found of a chat server that refuses these fields, and the server."""

    def answer(sent: dict) -> Canned:
        wrong = sorted(set(fields) & set(sent))
        said = {"error": {"message": f"Unsupported: {wrong[0]} in {json.dumps(sent)}"}} if wrong else None
        return Canned(said, status) if said else ANSWER

    with canned_server({"/v1/chat/completions": answer}) as server:
        return refused_fields(Client(server.address), Dialect.CHAT, "m"), server


def test_one_request_is_enough_where_nothing_is_refused():
    refused, server = refusing([])

    assert refused == frozenset() and len(server.requests) == 1
    assert server.requests[0][3]["min_tokens"] == 1


@pytest.mark.parametrize(
    "fields",
    [{"ignore_eos"}, {"ignore_eos", "min_tokens"}, {"stream_options"}, {"temperature"}, {MAX_TOKENS, "temperature"}],
)
@pytest.mark.parametrize("status", [400, 422, 200])
def test_exactly_the_fields_that_are_refused_are_found(fields, status):
    assert refusing(fields, status)[0] == fields


def test_an_error_inside_the_stream_is_a_refusal():
    def answer(sent: dict) -> Canned:
        return Canned(event('{"error": {"message": "min_tokens?"}}')) if "min_tokens" in sent else ANSWER

    with canned_server({"/v1/completions": answer}) as server:
        assert refused_fields(Client(server.address), Dialect.COMPLETIONS, "m") == {"min_tokens"}


def test_a_server_that_refuses_every_request_is_quoted():
    gone = Canned({"error": {"message": "The model `m` does not exist."}}, 404)

    with canned_server({"/v1/chat/completions": gone}) as server, pytest.raises(EndpointError) as raised:
        refused_fields(Client(server.address), Dialect.CHAT, "m")

    assert "got 404 Not Found: The model `m` does not exist., expected an answer of one token" in str(raised.value)
    assert "Check the model's name" in str(raised.value)


def test_a_dialect_that_the_server_lacks_names_the_other():
    with canned_server({}) as server, pytest.raises(EndpointError, match=r"Use the other dialect \(chat\)"):
        refused_fields(Client(server.address), Dialect.COMPLETIONS, "m")
