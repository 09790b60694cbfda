"""``watch`` over the endpoint that an application mounts."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import httpx
from fastapi import FastAPI

from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.watch_endpoint import WatchEndpoint


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


def test_watch_shows_a_running_server(profiler, serving):
    app = FastAPI()
    app.add_middleware(ProfilerMiddleware, profiler=profiler)
    app.mount("/profile", WatchEndpoint(profiler))

    @app.get("/items/{number}")
    async def item(number: int):
        return number

    with serving(app) as address:
        for _ in range(3):
            httpx.get(f"{address}/items/1")
        code, out, err = watch(f"{address}/profile/", "--once")

    assert (code, err) == (0, "")
    assert f"svc · process {os.getpid()} ·" in out
    assert 'http_request{method="GET",route="/items/{number}",status="200"}' in out.replace("\n", "")
    assert "profiling: " in out


def test_watch_says_what_is_wrong_with_an_address():
    with socket.create_server(("127.0.0.1", 0)) as unanswered:
        address = f"http://127.0.0.1:{unanswered.getsockname()[1]}/"
        unanswered.close()
        code, out, err = watch(address, "--once")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "WatchEndpoint" in err
