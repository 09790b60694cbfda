"""The ASGI middleware in uvicorn with FastAPI, over a loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import StreamingResponse
from openai import OpenAI

from inference_bench.errors import InvalidValueError
from inference_bench.live import current_request
from inference_bench.live.asgi import ProfilerMiddleware


def application(profiler):
    app = FastAPI()
    app.add_middleware(ProfilerMiddleware, profiler=profiler)

    @app.get("/items/{number}")
    async def item(number: int):
        return {"number": number, "request": current_request().id}

    @app.get("/stream")
    async def stream():
        async def pieces():
            for number in range(5):
                yield f"{number}"
                await asyncio.sleep(0.01)

        return StreamingResponse(pieces())

    @app.get("/fails")
    async def fails():
        raise RuntimeError("no")

    @app.get("/threaded")
    def threaded():
        return current_request().id

    @app.post("/v1/chat/completions")
    async def chat(request: Request):
        asked = await request.json()

        async def events():
            for word in asked["messages"][-1]["content"].split():
                with profiler.span("word"):
                    delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
                    chunk = {
                        "id": "1",
                        "object": "chat.completion.chunk",
                        "created": 0,
                        "model": "m",
                        "choices": [delta],
                    }
                yield f"data: {json.dumps(chunk)}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    return app


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_requests_of_a_real_server_are_counted_by_route(profiler, serving, responses, loop):
    # No connection is used twice: uvicorn closes one whose application raised while the client may be sending again.
    once = httpx.Limits(max_keepalive_connections=0)
    with serving(application(profiler), loop) as address, httpx.Client(base_url=address, limits=once) as client:
        ids = [client.get(f"/items/{number}").json()["request"] for number in range(20)]
        assert client.get("/threaded").json() > max(ids)
        assert client.get("/stream").text == "01234"
        assert client.get("/fails").status_code == 500
        assert client.get("/nowhere/<script>").status_code == 404
        assert client.get("/items/no").status_code == 422

    snapshot = profiler.snapshot()  # with the server ended: a client has its answer before the server has booked it
    assert len(set(ids)) == 20
    assert responses(snapshot) == {
        ("/items/{number}", "GET", "200"): 20,
        ("/items/{number}", "GET", "422"): 1,
        ("/threaded", "GET", "200"): 1,
        ("/stream", "GET", "200"): 1,
        ("/fails", "GET", "500"): 1,
        ("(unmatched)", "GET", "404"): 1,
    }
    assert responses(snapshot, "http_request") == responses(snapshot)
    assert responses(snapshot, "http_gap")["/stream", "GET", "200"] == 4
    assert responses(snapshot, "http_response_bytes")["/stream", "GET", "200"] == 5
    assert snapshot.histogram("http_gap").percentile(50)[0] > 5_000_000
    assert snapshot.histogram("loop_lag").total > 0
    assert snapshot.as_plain()["gauges"]["requests_in_flight"] == 0
    assert snapshot.histogram("request").total == 25


def test_the_openai_client_streams_through_it(profiler, serving):
    with serving(application(profiler)) as address:
        client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        with client.chat.completions.create(
            model="m", stream=True, messages=[{"role": "user", "content": "one two three"}]
        ) as stream:
            said = [chunk.choices[0].delta.content for chunk in stream]
        client.close()

    assert said == ["one", "two", "three"]
    assert profiler.snapshot().histogram("word").total == 3


def test_a_client_that_leaves_in_the_middle_is_counted_once(profiler, serving, responses):
    with serving(application(profiler)) as address:
        with httpx.stream("GET", f"{address}/stream") as response:
            next(response.iter_raw())
        deadline = time.monotonic() + 10
        while profiler.snapshot().as_plain()["gauges"]["requests_in_flight"] and time.monotonic() < deadline:
            time.sleep(0.02)

    assert responses(profiler.snapshot()) == {("/stream", "GET", "200"): 1}


def test_shutting_down_in_the_middle_of_a_request_ends(profiler, serving):
    app = application(profiler)

    @app.get("/endless")
    async def endless():
        await asyncio.sleep(3600)

    with serving(app) as address, contextlib.suppress(httpx.HTTPError), httpx.Client(timeout=0.3) as client:
        client.get(f"{address}/endless")

    assert profiler.snapshot().as_plain()["gauges"]["requests_in_flight"] == 0


def hostile_scopes():
    for number in range(3000):
        path = f'/{number}"}} 1\n<script>'
        scope = {"type": "http", "path": path, "method": f"M{number}", "headers": []}
        yield scope | {"endpoint": None, "route": type("Route", (), {"path": f"/r{number}"})()}


def test_hostile_paths_and_methods_make_no_series(profiler, responses):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message): ...

    async def attack():
        middleware = ProfilerMiddleware(app, profiler, loop_lag=False, gc_pauses=False)
        for scope in hostile_scopes():
            await middleware(scope, None, send)
            await middleware({**scope, "method": "GET"}, None, send)  # even where an application makes routes endlessly

    asyncio.run(attack())

    snapshot = profiler.snapshot()
    assert sum(responses(snapshot).values()) == 6000
    assert responses(snapshot)["(other)", "(other)", "(other)"] > 5800
    assert len(snapshot.counters) + len(snapshot.histograms) + len(snapshot.gauges) <= 256


def test_what_is_no_http_passes_through(profiler):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    asyncio.run(ProfilerMiddleware(app, profiler)({"type": "websocket"}, 1, 2))

    assert seen == [({"type": "websocket"}, 1, 2)]
    assert profiler.snapshot().as_plain()["counters"]["requests"] == 0


@pytest.mark.parametrize("fails", [False, True])
def test_a_background_task_is_no_part_of_the_response(profiler, serving, responses, fails):
    app, seen, release = FastAPI(), [], asyncio.Event()
    app.add_middleware(ProfilerMiddleware, profiler=profiler)

    async def later():
        await release.wait()
        seen.append((current_request().id, profiler.snapshot()))
        if fails:
            raise RuntimeError("no")

    @app.get("/later")
    async def answer(tasks: BackgroundTasks):
        tasks.add_task(later)
        return {}

    @app.get("/release")
    async def let_go():
        release.set()

    with serving(app) as address:
        assert httpx.get(f"{address}/later").status_code == 200
        before = profiler.snapshot()
        httpx.get(f"{address}/release")
        deadline = time.monotonic() + 10
        while not seen and time.monotonic() < deadline:
            time.sleep(0.01)

    ((number, during),) = seen
    for snapshot in (before, during):
        assert (
            responses(snapshot)["/later", "GET", "200"] == responses(snapshot, "http_request")["/later", "GET", "200"]
        )
    assert before.as_plain()["gauges"]["requests_in_flight"] == 0
    assert before.histogram("request").total == 1 == number
    assert responses(profiler.snapshot())["/later", "GET", "200"] == 1
    assert profiler.snapshot().as_plain()["gauges"]["requests_in_flight"] == 0


def test_excluded_paths_are_served_and_leave_no_series(profiler, serving, responses):
    app = FastAPI()
    app.add_middleware(ProfilerMiddleware, profiler=profiler, exclude=["/metrics", "/profile/"])

    @app.get("/{path:path}")
    async def answer(path: str):
        return current_request() is None

    measured = ("/metricsx", "/", "/a/metrics")
    with serving(app) as address:
        for path in ("/metrics", "/metrics/", "/metrics/x", "/profile", "/profile/deep/er"):
            assert httpx.get(address + path).json() is True
        for path in measured:
            assert httpx.get(address + path).json() is False

    assert (
        profiler.snapshot().as_plain()["counters"]["requests"]
        == len(measured)
        == sum(responses(profiler.snapshot()).values())
    )


@pytest.mark.parametrize("exclude", [["metrics"], ["/"], [""], "/metrics"])
def test_an_excluded_path_that_would_match_nothing_or_all_is_refused(profiler, exclude):
    with pytest.raises(InvalidValueError, match="exclude"):
        ProfilerMiddleware(application(profiler), profiler, exclude=exclude)


def test_fifty_clients_that_leave_in_mid_stream_leave_nothing_behind(profiler, serving, responses):
    app = FastAPI()
    app.add_middleware(ProfilerMiddleware, profiler=profiler)

    @app.get("/endless")
    async def endless():
        async def pieces():
            while True:
                yield "x" * 100
                await asyncio.sleep(0.005)

        return StreamingResponse(pieces())

    async def leave(address):
        async with httpx.AsyncClient() as client, client.stream("GET", f"{address}/endless") as response:
            async for _ in response.aiter_raw():
                return

    async def all_of_them(address):
        await asyncio.gather(*(leave(address) for _ in range(50)))

    with serving(app) as address:
        asyncio.run(all_of_them(address))
        deadline = time.monotonic() + 20
        while profiler.snapshot().as_plain()["gauges"]["requests_in_flight"] and time.monotonic() < deadline:
            time.sleep(0.02)

    snapshot = profiler.snapshot()
    assert snapshot.as_plain()["gauges"]["requests_in_flight"] == 0
    assert responses(snapshot) == responses(snapshot, "http_request") == {("/endless", "GET", "200"): 50}
    assert snapshot.histogram("request").total == 50


@pytest.mark.parametrize("status", ["200", None, [1], 2.5, 99, 1000])
def test_a_status_that_no_server_sends_breaks_no_request(profiler, responses, status):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message): ...

    scope = {"type": "http", "path": "/", "method": "GET", "headers": []}
    asyncio.run(ProfilerMiddleware(app, profiler, loop_lag=False, gc_pauses=False)(scope, None, send))

    assert responses(profiler.snapshot()) == {("(other)", "(other)", "(other)"): 1}
