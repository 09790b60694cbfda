"""The example server and its load, as processes of their own, over loopback; the model is tiny and random."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import httpx
import pytest
from openai import OpenAI
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bench.endpoint.example import ENVIRONMENT, ROOT, example_server
from inference_bench._native import HttpLoad
from inference_bench.analysis.serving.stage_durations import STAGES, stage_rows
from inference_bench.endpoint.accepted_fields import refused_fields
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.answer import answers
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.join import HEADERS, ids_of, joined
from inference_bench.endpoint.probe import probe
from inference_bench.endpoint.server_requests import ask_stages
from inference_bench.endpoint.token_counts import TokensBy
from inference_bench.results.run import load_run
from tests.tiny_chat import tiny_chat_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(tiny_chat_weights(tmp_path_factory.getbasetemp() / "chat"))


@pytest.fixture
def server(weights, tmp_path):
    """Yield a server that a test may end: its process, its address and its folder of results."""
    with example_server("--weights", weights, "--results", str(tmp_path)) as (process, address):
        yield process, address, tmp_path


@pytest.fixture(scope="module")
def address(weights, tmp_path_factory):
    """Yield the address of a server that several tests send requests to."""
    with example_server("--weights", weights, "--results", str(tmp_path_factory.mktemp("results"))) as (_, address):
        yield Address.parse(address)


def run(*words):
    command = [sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT)
    return done.returncode, done.stdout, done.stderr


def test_the_server_under_load_shows_in_every_way_out(server):
    process, address, results = server

    code, out, err = run(
        str(ROOT / "examples" / "load.py"),
        *("--url", f"{address}/v1", "--rate", "50", "--count", "8", "--tokens", "6"),
    )
    assert (code, err) == (0, "")
    assert "8 chats" in out
    assert re.search(r"^first piece .*maximum", out, re.MULTILINE)

    client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    whole = client.chat.completions.create(model="m", max_tokens=6, messages=[{"role": "user", "content": "hello"}])
    assert whole.choices[0].message.content

    code, out, err = run("-m", "inference_bench", "watch", f"{address}/profile/", "--once")
    assert (code, err) == (0, "")
    assert "model · smollm2_135m_instruct\n" in out
    assert re.search(r"^itl  .* (ms|µs)", out, re.MULTILINE)
    code, by_pid, err = run("-m", "inference_bench", "watch", str(process.pid), "--once")
    assert (code, err) == (0, "")
    assert f"process {process.pid}" in by_pid

    scraped = httpx.get(f"{address}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    found = {
        (sample.name, sample.labels.get("route")): sample
        for family in text_string_to_metric_families(scraped.text)
        for sample in family.samples
    }
    assert found["chat_generations_total", None].value == 9
    assert found["chat_tokens_out_total", None].value == 9 * 6
    assert found["chat_http_responses_total", "/v1/chat/completions"].value == 9

    names = {event["name"] for event in json.loads(httpx.get(f"{address}/trace").text)["traceEvents"]}
    assert {"request", "turn", "smollm2_135m_instruct.decode", "smollm2_135m_instruct.token"} <= names

    client.close()
    process.send_signal(signal.SIGINT)
    process.wait(30)
    (folder,) = results.iterdir()
    live = load_run(folder)
    assert live.results[0].case.benchmark == "live"
    assert {summary.metric: summary.n for summary in live.results[0].summaries}["ttft"] == 9


def loaded(address, tokens):
    """Send chats one after the other over the native transport."""
    (model,) = probe(Client(address)).models
    bodies = [Dialect.CHAT.body(model, "hello", count, stream=number % 4 > 0) for number, count in enumerate(tokens)]
    requests = [address.request("POST", Dialect.CHAT.route, HEADERS, body) for body in bodies]
    load = HttpLoad(address.host, address.port, requests, concurrency=1)
    load.start()
    assert load.wait(60)
    return load


def test_a_load_over_the_endpoint_has_exact_lengths_and_known_tokens(address):
    tokens = [6, 1, 9, 30]
    assert refused_fields(Client(address), Dialect.CHAT, "m") == frozenset()

    found = answers(loaded(address, tokens))

    assert [(each.failure, each.finish_reason, each.completion_tokens) for each in found] == [
        (None, "length", count) for count in tokens
    ]
    assert len({each.prompt_tokens for each in found}) == 1
    for each in found[1:]:
        assert each.tokens_by is TokensBy.USAGE
        assert sum(piece.tokens for piece in each.pieces) == each.completion_tokens


def test_a_load_joins_with_what_the_server_recorded(address):
    load = loaded(address, [12] * 12)
    ids = ids_of(load)

    found = joined(load, ids, ask_stages(Client(address.root), ids.values()))

    assert (len(found.requests), dict(found.left_out)) == (12, {})
    for each in found.requests:
        assert min(each.durations_ns) >= 0 <= each.residual_ns
        assert each.total_ns == sum(each.durations_ns) + each.residual_ns
        assert each.uncertainty_ns == 0  # one machine, one clock
    rows = {row.stage: row for row in stage_rows(found.durations)}
    assert list(rows) == [*STAGES, "residual", "total"]
    assert rows["residual"].median_ns.value <= 0.05 * rows["total"].median_ns.value


def test_a_client_that_leaves_ends_its_generation_and_so_does_the_server(server):
    process, address, _ = server
    asked = {"messages": [{"role": "user", "content": "hello"}], "stream": True, "max_tokens": 1024}

    with httpx.stream("POST", f"{address}/v1/chat/completions", json=asked, timeout=30) as response:
        next(response.iter_raw())
    # Chats take turns: the next is answered at once only if the one before has ended.
    assert (
        httpx.post(f"{address}/v1/chat/completions", json=asked | {"stream": False, "max_tokens": 2}).status_code == 200
    )
    said = httpx.get(f"{address}/metrics").text
    tokens = float(re.search(r"^chat_tokens_out_total\{.*\} (.+)$", said, re.MULTILINE)[1])
    assert tokens < 1024

    with httpx.stream("POST", f"{address}/v1/chat/completions", json=asked, timeout=30) as response:
        next(response.iter_raw())
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.parametrize("words", [["--model", "nothing"], ["--weights", "/nowhere"], ["--model", "null"]])
def test_what_cannot_be_served_is_said_in_one_line(words):

    code, out, err = run(str(ROOT / "examples" / "serve_fastapi.py"), *words)

    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_load_that_nobody_answers_is_a_failure():
    code, out, err = run(
        str(ROOT / "examples" / "load.py"), "--url", "http://127.0.0.1:9/v1", "--count", "2", "--rate", "99"
    )

    assert code == 1
    assert "2 failed" in out
    assert err.count("\n") == 1
