"""Answers of real loads: the native transport against servers over real connections."""

from __future__ import annotations

import json

from inference_bench._native import HttpLoad
from inference_bench.endpoint.answer import Answer, answers
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.failure import FailureKind
from inference_bench.endpoint.key import Key
from tests.endpoint.canned_server import Answering, Canned, canned_server
from tests.endpoint.recorded import STREAM, event
from tests.endpoint.test_answer import LLAMA_CPP

CHAT = "/v1/chat/completions"


def loaded(answer: Answering, *bodies: bytes, key: Key | None = None) -> list[Answer]:
    """Send bodies one after the other and read the answers."""
    with canned_server({CHAT: answer}) as server:
        requests = [server.address.request("POST", Dialect.CHAT.route, body=body, key=key) for body in bodies]
        load = HttpLoad(server.address.host, server.address.port, requests, concurrency=1)
        load.start()
        assert load.wait(30)
        return answers(load, key=key)


def test_the_times_of_an_answer_are_in_order():
    body = b"".join(data for data, _ in LLAMA_CPP)

    found = loaded(Canned(body, content_type=STREAM), *[Dialect.CHAT.body("m", "Hi", 3)] * 3)

    assert [answer.request for answer in found] == [0, 1, 2]
    for answer in found:
        assert answer.failure is None and answer.text == "Abc" and answer.completion_tokens == 3
        assert answer.planned_ns <= answer.sent_ns <= answer.written_ns
        assert answer.sent_ns <= answer.first_content_ns <= max(answer.pieces[-1].read_ns, answer.ended_ns)


def test_a_server_sees_the_key_and_no_failure_shows_it():
    def echo(_: dict) -> Canned:
        return Canned({"error": {"message": "Incorrect API key provided: my-secret-1"}}, 401)

    (answer,) = loaded(echo, Dialect.CHAT.body("m", "Hi", 3), key=Key("my-secret-1"))

    assert str(answer.failure) == "http_status: 401 Unauthorized: Incorrect API key provided: (set)"


def test_each_request_has_its_own_answer():
    def echo(sent: dict) -> Canned:
        text = sent["messages"][0]["content"]
        return Canned(event(json.dumps({"choices": [{"delta": {"content": text}}]})) + event("[DONE]"), 200, STREAM)

    prompts = [f"prompt {index}" for index in range(20)]

    found = loaded(echo, *[Dialect.CHAT.body("m", prompt, 3) for prompt in prompts])

    assert [answer.text for answer in found] == prompts


def test_no_server_is_a_failure_of_each_request():
    with canned_server({}) as server:
        request = server.address.request("POST", CHAT, body=b"{}")
    load = HttpLoad(server.address.host, server.address.port, [request] * 2, concurrency=1)
    load.start()
    assert load.wait(30)

    assert [str(answer.failure) for answer in answers(load)] == ["refused", "refused"]
    assert set(load.requests().labels("outcome")) - {"ok"} <= {kind.value for kind in FailureKind}


def test_a_load_that_is_stopped_has_an_answer_for_each_request():
    with canned_server({}) as server:
        request = server.address.request("POST", CHAT, body=b"{}")
        hour = 3600 * 10**9
        load = HttpLoad(server.address.host, server.address.port, [request] * 2, offsets_ns=[hour, hour])
        load.start()
        load.stop()

    assert [str(answer.failure) for answer in answers(load)] == ["unsent", "unsent"]
