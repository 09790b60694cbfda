"""``watch`` over the endpoint that an application mounts."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from inference_bench.live.asgi import ProfilerMiddleware
from inference_bench.live.watch_endpoint import WatchEndpoint


async def status(endpoint, client, headers=(), **scope):
    """Return the status of an answer to a made-up request."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": list(headers), "client": client, **scope}
    await endpoint(scope, None, send)
    return sent[0]["status"]


@pytest.fixture
def connection():
    """Return the addresses of both ends of a connection over loopback that this process opened."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0],
    ):
        yield {"client": client.getsockname(), "server": listener.getsockname()}


GET = """
import sys, urllib.request, urllib.error
def get(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code
"""
HOST = (b"host", b"127.0.0.1:8000")
DIRECT = {
    "IPv4": [HOST],
    "localhost": [(b"host", b"LocalHost:80")],
    "IPv6": [(b"host", b"[::1]:8000")],
    "closing": [HOST, (b"connection", b"close")],
}
PROXIED = {
    "no host": [],
    "another host": [(b"host", b"evil.example")],
    "a host that begins so": [(b"host", b"127.0.0.1.evil.example:8000")],
    "a host that ends so": [(b"host", b"evil.localhost")],
    **{
        name: [HOST, (name.encode(), b"1")]
        for name in (
            *("via", "Via", "forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
            *("cf-connecting-ip", "true-client-ip", "cdn-loop", "x-forwarded-port", "x-envoy-external-address"),
        )
    },
}


@pytest.mark.parametrize("headers", DIRECT)
def test_without_a_token_a_program_of_this_user_is_answered(profiler, connection, headers):
    endpoint = WatchEndpoint(profiler)

    assert asyncio.run(status(endpoint, headers=DIRECT[headers], **connection)) == 200
    connection.pop("server")
    assert asyncio.run(status(endpoint, headers=DIRECT[headers], **connection)) == 200


@pytest.mark.parametrize("headers", PROXIED)
def test_what_a_proxy_or_a_page_in_a_browser_sends_is_refused(profiler, connection, headers):
    assert asyncio.run(status(WatchEndpoint(profiler), headers=PROXIED[headers], **connection)) == 403


def test_http_1_0_is_refused_because_nginx_speaks_it(profiler, connection):
    assert asyncio.run(status(WatchEndpoint(profiler), headers=[HOST], http_version="1.0", **connection)) == 403
    assert asyncio.run(status(WatchEndpoint(profiler), headers=[HOST], http_version="1.1", **connection)) == 200


@pytest.mark.parametrize("client", [None, ("127.0.0.1", 1), ("::1", 1), ("10.1.2.3", 1), ("testclient", 1), ("", 0)])
def test_a_client_that_is_no_connection_of_this_user_is_refused(profiler, client):
    assert asyncio.run(status(WatchEndpoint(profiler), client, [HOST])) == 403


def test_a_connection_of_another_user_is_refused(profiler, connection, monkeypatch):
    uid = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: uid + 1)

    assert asyncio.run(status(WatchEndpoint(profiler), headers=[HOST], **connection)) == 403


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_a_proxy_of_another_user_is_refused(profiler, serving):
    app = FastAPI()
    app.mount("/profile", WatchEndpoint(profiler))
    ask = "print(get(sys.argv[1]))"
    with serving(app) as address:
        for user, expected in ((None, "200"), (65534, "403")):
            command = ["/usr/bin/env", "python3", "-c", GET + ask, f"{address}/profile/"]
            done = subprocess.run(command, capture_output=True, text=True, user=user, cwd="/", check=False)
            assert done.stdout.strip() == expected, done.stderr


def test_a_token_is_asked_of_everybody(profiler, connection):
    guarded = WatchEndpoint(profiler, token="s3cret")
    far = {"client": ("10.1.2.3", 1)}

    assert asyncio.run(status(guarded, headers=[HOST], **connection)) == 403
    assert asyncio.run(status(guarded, headers=[(b"Authorization", b"Bearer s3cret")], **far)) == 200
    for wrong in (b"Bearer s3cre", b"Bearer s3crett", b"s3cret", b"Bearer ", b""):
        assert asyncio.run(status(guarded, headers=[(b"authorization", wrong)], **far)) == 403


@pytest.mark.parametrize("token", ["", " ", "\n"])
def test_an_empty_token_answers_nobody(profiler, connection, token):
    with pytest.warns(RuntimeWarning, match="token is empty"):
        endpoint = WatchEndpoint(profiler, token=token)

    for headers in ([HOST], [HOST, (b"authorization", b"Bearer ")], [(b"authorization", f"Bearer {token}".encode())]):
        assert asyncio.run(status(endpoint, headers=headers, **connection)) == 403


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
    assert "requests · GET /items/{number} 200\nhttp_request " in out
    assert "of a core" in out


def test_watch_says_what_is_wrong_with_an_address():
    with socket.create_server(("127.0.0.1", 0)) as unanswered:
        address = f"http://127.0.0.1:{unanswered.getsockname()[1]}/"
        unanswered.close()
        code, out, err = watch(address, "--once")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "WatchEndpoint" in err


def test_watch_shows_a_stopped_profiler_in_red(profiler, serving):
    app = FastAPI()
    app.mount("/profile", WatchEndpoint(profiler))
    with serving(app) as address:
        assert "not running" not in watch(f"{address}/profile/", "--once")[1]
        profiler.stop()
        code, out, err = watch(f"{address}/profile/", "--once")

    assert (code, err) == (0, "")
    assert "the profiler is not running: nothing is recorded" in out


def test_the_token_comes_from_the_environment_and_stays_with_its_server(profiler, serving, monkeypatch):
    monkeypatch.setenv("INFERENCE_BENCH_WATCH_TOKEN", "s3cret")
    seen, thief, app = [], FastAPI(), FastAPI()
    app.mount("/profile", WatchEndpoint(profiler, token="s3cret"))

    @thief.get("/{path:path}")
    async def take(request: Request):
        seen.append(request.headers.get("authorization"))

    with serving(thief) as elsewhere:

        @app.get("/away")
        async def away():
            return RedirectResponse(f"{elsewhere}/x")

        with serving(app) as address:
            assert watch(f"{address}/profile", "--once")[0] == 0  # Starlette redirects to /profile/
            code, out, err = watch(f"{address}/away", "--once")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "another server" in err
    assert seen == []
