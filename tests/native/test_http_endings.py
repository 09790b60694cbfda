"""How requests of HttpLoad end, and the limits that end them."""

from __future__ import annotations

import gzip
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from tests.native.http_loads import CHUNKED, carry_out, columns, outcomes
from tests.native.raw_server import SIZED, Handler, RawServer, answering, closing, requests_from, reset, silent

ROOT = Path(__file__).parents[2]
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        load = carry_out(taken.getsockname()[1], 2)
    assert outcomes(load) == ["refused", "refused"]
    assert columns(load.requests())["sent_ns"].tolist() == [-1, -1]
    assert (load.sent, load.body(0), load.head(0)) == (0, b"", b"")


def half_closed(connection: socket.socket) -> None:
    next(requests_from(connection))
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)


def reset_in_the_body(connection: socket.socket) -> None:
    next(requests_from(connection))
    connection.sendall(CHUNKED + b"5\r\nhal")
    time.sleep(0.01)
    reset(connection)


def until_close(connection: socket.socket) -> None:
    next(requests_from(connection))
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall ")
    time.sleep(0.01)
    connection.sendall(b"of it")


def reset_before_the_close(connection: socket.socket) -> None:
    next(requests_from(connection))
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall ")
    time.sleep(0.01)
    reset(connection)


def endless(connection: socket.socket) -> None:
    next(requests_from(connection))
    connection.sendall(CHUNKED)
    while True:
        connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")


def trickle(connection: socket.socket) -> None:
    next(requests_from(connection))
    connection.sendall(CHUNKED)
    for _ in range(200):
        connection.sendall(b"1\r\nx\r\n")
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("handler", "outcome", "status", "body"),
    [
        (half_closed, "reset", 200, b"hal"),
        (reset_in_the_body, "reset", 200, b"hal"),
        (closing, "reset", 0, b""),
        (reset, "reset", 0, b""),
        (until_close, "ok", 200, b"all of it"),
        (reset_before_the_close, "reset", 200, b"all "),
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "malformed", 0, b""),
        (answering(CHUNKED + b"8000000000000000\r\n"), "too_large", 200, b""),
        (answering(CHUNKED + b"5\r\nhelloXX"), "malformed", 200, b"hello"),
        (answering(b"HTTP/1.1 200 OK\r\nA: " + b"x" * (1 << 20)), "too_large", 0, b""),
        (endless, "too_large", 200, None),
        (answering(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), "ok", 302, b""),
        (answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate"), "ok", 503, b"late"),
        (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), "ok", 204, b""),
        (answering(b"HTTP/1.1 100 Continue\r\n\r\n", SIZED), "ok", 200, b"hello"),
    ],
)
def test_how_a_request_ends(handler: Handler, outcome: str, status: int, body: bytes | None):
    with RawServer(handler) as server:
        load = carry_out(server.port, 1, most_bytes=1 << 20)
    assert outcomes(load) == [outcome]
    assert columns(load.requests())["status"].tolist() == [status]
    assert body is None or load.body(0) == body


def test_an_encoded_body_is_left_as_it_is():
    packed = gzip.compress(b"hello")
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with RawServer(answering(answer + packed)) as server:
        assert carry_out(server.port).body(0) == packed


def test_a_response_to_head_has_no_body():
    with RawServer(answering(SIZED[:-5])) as server:
        load = carry_out(server.port, [HEAD, HEAD])
    assert outcomes(load) == ["ok", "ok"]
    assert server.accepted == 1


@pytest.mark.parametrize(
    ("handler", "limits", "outcome"),
    [
        (silent, {"timeout_ns": 20_000_000}, "timeout"),
        (trickle, {"timeout_ns": 50_000_000}, "timeout"),
        (silent, {"idle_timeout_ns": 20_000_000}, "idle_timeout"),
        (trickle, {"idle_timeout_ns": 900_000_000}, "reset"),  # bytes come all the time; the server closes at last
    ],
)
def test_limits_of_time(handler: Handler, limits: dict[str, int], outcome: str):
    with RawServer(handler) as server:
        load = carry_out(server.port, 2, concurrency=2, **limits)
    assert outcomes(load) == [outcome] * 2
    r = columns(load.requests())
    if "timeout_ns" in limits:
        assert np.all(r["ended_ns"] - r["planned_ns"] >= limits["timeout_ns"])


def test_a_request_that_waits_for_a_connection_has_its_timeout_too():
    with RawServer(silent) as server:
        load = carry_out(server.port, 3, offsets_ns=[0, 0, 0], connections=1, timeout_ns=30_000_000)
    assert outcomes(load) == ["timeout"] * 3
    assert columns(load.requests())["sent_ns"].tolist()[1:] == [-1, -1]
