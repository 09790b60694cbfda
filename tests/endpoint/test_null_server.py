from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from inference_bench._native import HttpLoad
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.answer import answers
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.null_server import NullServer
from inference_bench.errors import EndpointError
from inference_bench.units import NS_PER_MS


@pytest.mark.parametrize("dialect", Dialect)
def test_each_request_of_a_load_gets_its_tokens_and_no_stamp_precedes_the_servers_own(dialect: Dialect) -> None:
    tokens, prompts = [3, 1, 5] * 20, [10, 20, 30] * 20
    offsets = np.arange(60, dtype=np.int64) * NS_PER_MS
    with NullServer(tokens, kind=dialect.value, token_gap_ns=2 * NS_PER_MS, prompt_tokens=prompts) as server:
        address = server.address
        requests = [address.request("POST", dialect.route, body=dialect.body("m", "Hi", count)) for count in tokens]
        load = HttpLoad(address.host, address.port, requests, offsets_ns=offsets)
        load.start()
        assert load.wait(60)
        found = answers(load)
        sends, received = server.sends(), server.requests()["received_ns"]
    assert [answer.failure for answer in found] == [None] * 60
    assert sorted(answer.completion_tokens or 0 for answer in found) == sorted(tokens)
    assert sorted(answer.prompt_tokens or 0 for answer in found) == sorted(prompts)
    assert all(len(answer.pieces) == answer.completion_tokens for answer in found)
    first = min(answer.first_content_ns or 0 for answer in found)
    assert sends["sent_ns"].min() <= first
    assert sorted(answer.sent_ns for answer in found)[0] < received.min()


def test_it_answers_what_asks_for_no_tokens_without_using_up_an_answer() -> None:
    with NullServer([7]) as server:
        client = Client(server.address)
        assert client.get("/models").fields()["data"][0]["id"] == "scripted"
        assert client.get("/version").status == 404
        assert Client(server.address.root).post("/tokenize", {}).status == 404
        assert b'"completion_tokens":7' in client.post("/chat/completions", {}).body


def test_it_can_be_run_by_hand() -> None:
    command = [sys.executable, "-m", "inference_bench.endpoint.null_server", "--tokens", "2", "--first-token-ms", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = Address.parse(process.stdout.readline().split()[2].rstrip(";"))
        assert b'"completion_tokens":2' in Client(address).post("/chat/completions", {}).body
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with pytest.raises(EndpointError):
        Client(address).get("/models")
