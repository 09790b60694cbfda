"""What servers say of themselves, in the shapes of vLLM, llama.cpp, SGLang and others, over real connections."""

from __future__ import annotations

import socket

import pytest

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.key import Key
from inference_bench.endpoint.probe import ServerFacts, probe
from inference_bench.errors import EndpointError, UnknownNameError
from tests.endpoint.canned_server import Canned, canned_server, raw_server

GGUF = "/srv/models/SmolLM2-135M-Instruct.Q4_1.gguf"
VLLM = {
    "/v1/models": Canned({"data": [{"id": "org/tiny", "owned_by": "vllm", "max_model_len": 4096}]}),
    "/version": Canned({"version": "0.32.0"}),
    "/tokenize": Canned({"tokens": [64], "count": 1}),
    "/metrics": Canned(b"# nothing\n", content_type="text/plain"),
}
LLAMA_CPP = {
    "/v1/models": Canned({"data": [{"id": GGUF, "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}]}),
    "/props": Canned(
        {
            "default_generation_settings": {"n_ctx": 1024},
            "total_slots": 2,
            "build_info": "b10605-abc",
            "model_path": GGUF,
            "model_ftype": "Q4_1",
        }
    ),
    "/tokenize": Canned({"tokens": [64]}),
}
SGLANG = {
    "/v1/models": Canned({"data": [{"id": "tiny", "owned_by": "sglang", "max_model_len": 2048}]}),
    "/get_server_info": Canned({"version": "0.5.23", "tp_size": 1, "context_length": None, "model_path": "/srv/tiny"}),
}


def facts(routes: dict, model: str | None = None, key: Key | None = None) -> ServerFacts:
    with canned_server(routes) as server:
        return probe(Client(server.address, key), model)


def test_vllm():
    assert facts(VLLM) == ServerFacts("vllm", "0.32.0", "org/tiny", ("org/tiny",), 4096, True, True)


def test_llama_cpp_names_its_model_by_a_path_of_which_the_last_part_is_shown():
    found = facts(LLAMA_CPP)

    assert (found.software, found.version, found.most_tokens, found.tokenizes) == (
        "llama.cpp",
        "b10605-abc",
        1024,
        True,
    )
    assert found.model == GGUF and found.shown_model == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert not found.has_metrics and found.details == {"slots": 2, "weights": "Q4_1"}


def test_sglang():
    found = facts(SGLANG)

    assert (found.software, found.version, found.most_tokens) == ("sglang", "0.5.23", 2048)
    assert found.details == {"tp_size": 1}


def test_an_unknown_server_is_named_by_its_header():
    found = facts({"/v1/models": Canned({"data": [{"id": "a"}]}, headers={"Server": "mine/1.0"})})

    assert found.software == "mine/1.0" and found.version == "" and found.most_tokens is None


def test_a_page_for_every_route_is_no_metrics():
    routes = {**SGLANG, "/metrics": Canned(b"<html>", content_type="text/html")}

    assert not facts(routes).has_metrics


def test_a_model_is_named_where_there_are_several():
    routes = {"/v1/models": Canned({"data": [{"id": "/a/one.gguf"}, {"id": "two"}]})}

    assert facts(routes, "one.gguf").model == "/a/one.gguf"
    with pytest.raises(EndpointError, match=r"2 models, .* Name one: --endpoint-model NAME. Known: one.gguf, two"):
        facts(routes)
    with pytest.raises(UnknownNameError, match=r"unknown model of http://.* 'tow': did you mean 'two'\?"):
        facts(routes, "tow")


def test_a_server_without_a_list_of_models_needs_the_name():
    assert facts({}, "mine").model == "mine"
    with pytest.raises(EndpointError, match=r"/models got 404 Not Found: .* name the model \(--endpoint-model\)"):
        facts({})


def test_no_access_says_whether_a_key_was_sent():
    routes = {"/v1/models": Canned({"error": {"message": "Invalid key: my-secret-1"}}, 401)}

    with pytest.raises(EndpointError, match="Set the key: export INFERENCE_BENCH_ENDPOINT_KEY="):
        facts(routes)
    with pytest.raises(EndpointError, match="Check the key") as raised:
        facts(routes, key=Key("my-secret-1"))
    assert "my-secret-1" not in str(raised.value)


def test_the_key_is_sent_with_each_question():
    with canned_server(VLLM) as server:
        probe(Client(server.address, Key("my-secret-1")))

    assert {headers["authorization"] for _, _, headers, _ in server.requests} == {"Bearer my-secret-1"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "Check scheme and port."),
        (b"", "Check"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", "header line"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\nabc", "Check"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>It works!",
            "a list of models",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "a list of models"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"data": null}'[:-1], "a list of models"),
        (b"HTTP/1.1 301 X\r\nLocation: https://h/v1\r\nContent-Length: 0\r\n\r\n", "redirects to https://h/v1"),
        (b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nbusy", "503 Service Unavailable: busy"),
    ],
)
def test_what_is_no_openai_server_is_refused_in_one_line(answer, said):
    with raw_server(answer) as address, pytest.raises(EndpointError) as raised:
        probe(Client(address, timeout_s=5))

    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"endpoint {address}: ")


def test_no_server_is_refused_in_one_line():
    with raw_server(b"") as address:
        pass

    with pytest.raises(EndpointError, match=r"got 'Connection refused', expected .* Start the server, or check"):
        probe(Client(address))


def test_a_server_that_never_answers_reaches_the_limit():
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(EndpointError, match="timed out"):
        probe(Client(Address("http", "127.0.0.1", listening.getsockname()[1], "/v1"), timeout_s=0.05))
