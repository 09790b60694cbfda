"""The middleware in real servers: uvicorn with FastAPI over a loopback socket, and wsgiref's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from openai import OpenAI

from inference_bench.live import Profiler, current_request
from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.loop_lag import LoopLag
from inference_bench.live.watch_endpoint import WatchEndpoint
from inference_bench.live.wsgi import WsgiMiddleware


@contextlib.contextmanager
def serving(app, loop="asyncio"):
    """Serve an application and yield its address."""
    config = uvicorn.Config(app, port=0, log_level="error", loop=loop, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture
def profiler():
    with Profiler("web", budget=1.0) as running:
        yield running


def application(profiler):
    app = FastAPI()
    app.add_middleware(ProfilerMiddleware, profiler=profiler)
    app.mount("/profile", WatchEndpoint(profiler))

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


def responses(snapshot, name="http_responses"):
    found = {}
    for key, value in {**snapshot.counters, **snapshot.histograms}.items():
        labels = dict(key.labels)
        number = value if isinstance(value, int) else value.total
        if key.name == name and number:
            found[labels["route"], labels["method"], labels["status"]] = number
    return found


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_requests_of_a_real_server_are_counted_by_route(profiler, loop):
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


def test_the_openai_client_streams_through_it(profiler):
    with serving(application(profiler)) as address:
        client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        with client.chat.completions.create(
            model="m", stream=True, messages=[{"role": "user", "content": "one two three"}]
        ) as stream:
            said = [chunk.choices[0].delta.content for chunk in stream]
        client.close()

    assert said == ["one", "two", "three"]
    assert profiler.snapshot().histogram("word").total == 3


def test_a_client_that_leaves_in_the_middle_is_counted_once(profiler):
    with serving(application(profiler)) as address:
        with httpx.stream("GET", f"{address}/stream") as response:
            next(response.iter_raw())
        deadline = time.monotonic() + 10
        while profiler.snapshot().as_plain()["gauges"]["requests_in_flight"] and time.monotonic() < deadline:
            time.sleep(0.02)

    assert responses(profiler.snapshot()) == {("/stream", "GET", "200"): 1}


def test_shutting_down_in_the_middle_of_a_request_ends(profiler):
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


def test_hostile_paths_and_methods_make_no_series(profiler):
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


def test_a_blocked_loop_shows_as_lag(profiler):
    async def block():
        lag = LoopLag(profiler, interval_ns=1_000_000)
        lag.start()
        await asyncio.sleep(0.02)
        time.sleep(0.2)
        await asyncio.sleep(0.02)
        lag.stop()

    asyncio.run(block())

    assert profiler.snapshot().histogram("loop_lag").percentile(100)[1] >= 150_000_000


def test_collections_of_garbage_show_as_pauses(profiler):
    middleware = ProfilerMiddleware(None, profiler, loop_lag=False)
    middleware._gc_pauses.start()
    middleware._gc_pauses.start()
    gc.collect()
    middleware._gc_pauses.stop()
    gc.collect()

    assert profiler.snapshot().as_plain()["histograms"]['gc_pause{generation="2"}']["count"] == 1


def test_the_mounted_endpoint_answers_loopback_and_asks_others_for_a_token(profiler):
    async def status(endpoint, client, headers=()):
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": list(headers), "client": (client, 1)}
        await endpoint(scope, None, send)
        return sent[0]["status"]

    async def check():
        token = [(b"authorization", b"Bearer s3cret")]
        open_endpoint, guarded = WatchEndpoint(profiler), WatchEndpoint(profiler, token="s3cret")
        return [
            await status(open_endpoint, "127.0.0.1"),
            await status(open_endpoint, "::1"),
            await status(open_endpoint, "10.1.2.3"),
            await status(open_endpoint, "127.0.0.1", [(b"x-forwarded-for", b"10.1.2.3")]),
            await status(guarded, "127.0.0.1"),
            await status(guarded, "10.1.2.3", token),
            await status(guarded, "10.1.2.3", [(b"authorization", b"Bearer s3cre")]),
        ]

    assert asyncio.run(check()) == [200, 200, 403, 403, 403, 200, 403]


def watch(*words):
    command = [sys.executable, "-m", "inference_bench", "watch", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "120"})
    return done.returncode, done.stdout, done.stderr


def test_watch_shows_a_running_server(profiler):
    with serving(application(profiler)) as address:
        for _ in range(3):
            httpx.get(f"{address}/items/1")
        code, out, err = watch(f"{address}/profile/", "--once")

    assert (code, err) == (0, "")
    assert f"web · process {os.getpid()} ·" in out
    assert 'http_request{method="GET",route="/items/{number}",status="200"}' in out.replace("\n", "")
    assert "profiling: " in out


def test_watch_says_what_is_wrong_with_an_address():
    with socket.create_server(("127.0.0.1", 0)) as unanswered:
        address = f"http://127.0.0.1:{unanswered.getsockname()[1]}/"
        unanswered.close()
        code, out, err = watch(address, "--once")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "WatchEndpoint" in err


class Quiet(WSGIRequestHandler):
    def log_message(self, *_): ...


def test_a_wsgi_server(profiler):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/fails":
            raise RuntimeError("no")
        start_response("200 OK", [("Content-Type", "text/plain")])
        assert current_request() is not None
        return (piece for piece in [b"a", b"bc"])

    server = make_server("127.0.0.1", 0, WsgiMiddleware(app, profiler), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        with contextlib.redirect_stderr(io.StringIO()):  # wsgiref prints the traceback
            assert httpx.get(address).text == "abc"
            assert httpx.get(f"{address}/fails").status_code == 500
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    snapshot = profiler.snapshot()
    assert responses(snapshot) == {("(wsgi)", "GET", "200"): 1, ("(wsgi)", "GET", "500"): 1}
    assert responses(snapshot, "http_response_bytes") == {("(wsgi)", "GET", "200"): 3}
    assert responses(snapshot, "http_gap") == {("(wsgi)", "GET", "200"): 1}
    assert snapshot.as_plain()["gauges"]["requests_in_flight"] == 0
