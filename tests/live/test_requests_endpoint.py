"""Stages of requests over the endpoint that an application mounts, and the header that asks for a request's number."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from inference_bench._native import now_ns
from inference_bench.clock_scale import clock_scale
from inference_bench.live import current_request
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.request_stages import request_stages
from inference_bench.live.requests_endpoint import RequestsEndpoint
from inference_bench.server_stages import ASKING_HEADER, ID_HEADER

ASKING = {ASKING_HEADER: "1"}


def application(profiler, generate):
    app = FastAPI()
    app.add_middleware(ProfilerMiddleware, profiler=profiler, exclude=["/requests"])
    app.mount("/requests", RequestsEndpoint(profiler))

    @app.get("/chat")
    def chat(generations: int = 1):
        for _ in range(generations):
            generate("m")
        return current_request().id

    @app.get("/stream")
    async def stream():
        async def pieces():
            for number in range(3):
                yield f"{number}"
                await asyncio.sleep(0.01)

        return StreamingResponse(pieces())

    @app.get("/fails")
    async def fails():
        raise RuntimeError("no")

    return app


@pytest.fixture
def client(profiler, generate, serving):
    with serving(application(profiler, generate)) as address, httpx.Client(base_url=address) as asking:
        yield asking


def told(client, **query):
    return {each["id"]: each for each in client.get("/requests/", params=query).json()["requests"]}


def test_a_request_that_asks_is_told_its_number_and_no_other(client):
    asked = client.get("/chat", headers=ASKING)
    by_any_value = client.get("/chat", headers={ASKING_HEADER.title(): ""})

    assert asked.headers[ID_HEADER] == asked.text
    assert by_any_value.headers[ID_HEADER] == by_any_value.text
    assert ID_HEADER not in client.get("/chat").headers
    assert client.get("/nowhere", headers=ASKING).headers[ID_HEADER].isdecimal()


def test_the_stages_of_a_request_come_in_their_order(client):
    before_ns = now_ns()
    number = int(client.get("/chat", headers=ASKING).headers[ID_HEADER])

    (stages,) = told(client, ids=number).values()

    begun, took = stages["generation_ns"], stages["prefill_ns"] + stages["decode_ns"]
    assert before_ns <= stages["received_ns"] <= begun <= begun + took <= stages["generated_ns"]
    assert stages["prefill_ns"] > 0 < stages["decode_ns"]
    assert stages["generated_ns"] <= stages["first_piece_ns"] <= stages["last_piece_ns"] <= stages["ended_ns"]


def test_generations_of_one_request_are_added_up(client):
    one = int(client.get("/chat", headers=ASKING).headers[ID_HEADER])
    three = int(client.get("/chat", params={"generations": 3}, headers=ASKING).headers[ID_HEADER])

    stages = told(client, ids=f"{one},{three}")[three]

    within_ns = stages["generated_ns"] - stages["generation_ns"]
    assert 0 < stages["prefill_ns"] + stages["decode_ns"] < within_ns  # time between them belongs to neither


def test_pieces_of_a_stream_are_its_first_and_its_last(client):
    number = int(client.get("/stream", headers=ASKING).headers[ID_HEADER])

    stages = told(client, ids=number)[number]

    assert stages["last_piece_ns"] - stages["first_piece_ns"] >= 30_000_000  # it sleeps in between
    assert stages["generation_ns"] is stages["prefill_ns"] is stages["decode_ns"] is stages["generated_ns"] is None


def test_a_request_that_does_not_ask_has_stages_without_pieces(client):
    number = int(client.get("/chat").text)

    stages = told(client, ids=number)[number]

    assert stages["first_piece_ns"] is stages["last_piece_ns"] is None
    assert stages["received_ns"] < stages["generated_ns"] < stages["ended_ns"]


def test_a_request_whose_application_raises_ends_without_a_piece(client):
    with httpx.Client(base_url=client.base_url) as once:  # uvicorn closes the connection
        assert ID_HEADER not in once.get("/fails", headers=ASKING).headers  # the server answers in its place

    (stages,) = told(client).values()

    assert stages["received_ns"] < stages["ended_ns"]
    assert stages["first_piece_ns"] is stages["last_piece_ns"] is None


def test_requests_are_chosen_by_number_or_by_instant(client):
    first = int(client.get("/chat").text)
    between_ns = now_ns()
    second = int(client.get("/chat").text)

    assert set(told(client)) >= {first, second}
    assert first not in told(client, since_ns=between_ns)
    assert second in told(client, since_ns=between_ns)
    assert list(told(client, ids=f"{second},{first},987654")) == [second, first]
    assert told(client, ids="") == {}


def test_the_answer_reads_the_clock_and_says_its_scale(client):
    before_ns = now_ns()
    clock = client.get("/requests/", params={"ids": ""}).json()["clock"]

    assert before_ns <= clock["now_ns"] <= now_ns()
    assert clock["scale"] == clock_scale() != ""
    assert clock["description"]["source"] in ("tsc", "monotonic_raw")


@pytest.mark.parametrize(
    "query", ["ids=a", "ids=1&ids=2", "ids=1&since_ns=1", "since_ns=", "since_ns=x", "other=1", "nothing", "ids=1.5"]
)
def test_a_query_that_cannot_be_read_is_refused(client, query):
    refused = client.get(f"/requests/?{query}")

    assert refused.status_code == 400
    assert refused.json()["error"].startswith(f"got '{query}', expected ids=")


def test_it_answers_whom_the_other_endpoint_answers(profiler):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "client": ("10.1.2.3", 1)}
    asyncio.run(RequestsEndpoint(profiler)({**scope, "headers": []}, None, send))
    token = [(b"authorization", b"Bearer s3cret")]
    asyncio.run(RequestsEndpoint(profiler, token="s3cret")({**scope, "headers": token}, None, send))

    assert [message["status"] for message in sent[::2]] == [403, 200]
    assert json.loads(sent[3]["body"])["requests"] == []


def test_records_of_other_spans_and_requests_tell_nothing(profiler, generate):
    generate("m")  # outside of any request
    with profiler.request() as request, request.span("m.decode"), profiler.span("request"):
        request.mark("prefill")

    found = request_stages(profiler.flight())

    assert list(found) == [request.id]
    assert found[request.id].prefill_ns is found[request.id].decode_ns is found[request.id].generation_ns is None
