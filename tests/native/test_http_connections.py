"""Connections of HttpLoad: kept alive, replaced, too many, too few."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.native.http_loads import GET, PATIENCE_S, carry_out, check_order, columns, outcomes
from tests.native.raw_server import SIZED, RawServer, answering, closing, requests_from, reset

ROOT = Path(__file__).parents[2]
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"


def test_a_connection_is_used_again_and_the_connect_is_a_column():
    with RawServer(answering(SIZED)) as server:
        load = carry_out(server.port, 5)
    r = columns(load.requests())
    assert server.accepted == 1
    assert r["connection"].tolist() == [0] * 5
    assert r["connect_ns"][0] > 0
    assert r["connect_ns"][1:].tolist() == [0] * 4


def test_a_connection_that_the_server_ends_politely_is_not_used_again():
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    with RawServer(answering(answer)) as server:
        load = carry_out(server.port, 3)
    assert outcomes(load) == ["ok"] * 3
    assert server.accepted == 3


def test_a_connection_that_brings_more_than_was_asked_for_is_not_used_again():
    with RawServer(answering(SIZED + b"more")) as server:
        load = carry_out(server.port, 3)
    assert outcomes(load) == ["ok"] * 3
    assert server.accepted == 3


def test_an_idle_connection_that_died_is_replaced():
    def closes_after_one(connection: socket.socket) -> None:
        next(requests_from(connection))
        connection.sendall(SIZED)

    with RawServer(closes_after_one) as server:
        load = carry_out(server.port, 3, offsets_ns=[0, 50_000_000, 100_000_000])
    assert outcomes(load) == ["ok"] * 3
    assert columns(load.requests())["resent"].tolist() == [0] * 3
    assert server.accepted == 3


def test_a_request_that_meets_a_closing_connection_goes_out_once_more():
    closed = 0

    def closes_when_asked_again(connection: socket.socket) -> None:
        nonlocal closed
        requests = requests_from(connection)
        next(requests)
        connection.sendall(SIZED)
        next(requests)
        closed += 1
        if closed > 1:
            reset(connection)

    with RawServer(closes_when_asked_again) as server:
        load = carry_out(server.port, 3)
    assert outcomes(load) == ["ok"] * 3
    r = columns(load.requests())
    assert r["resent"].tolist() == [0, 1, 1]
    assert r["connection"].tolist() == [0, 1, 2]
    assert load.sent == 3


def test_a_new_connection_that_is_lost_is_not_tried_again():
    with RawServer(closing) as server:
        load = carry_out(server.port, 1)
    assert server.accepted == 1
    assert columns(load.requests())["resent"].tolist() == [0]


def test_a_request_larger_than_the_socket_buffers_is_sent_whole():
    size = 20 << 20
    post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size
    received = 0

    def slow_reader(connection: socket.socket) -> None:
        nonlocal received
        time.sleep(0.05)
        while received < len(post) + size:
            received += len(connection.recv(1 << 20))
        connection.sendall(SIZED)

    with RawServer(slow_reader) as server:
        load = carry_out(server.port, [post + bytes(size)])
    assert outcomes(load) == ["ok"]
    r = columns(load.requests())
    assert r["written_ns"][0] - r["sent_ns"][0] >= 40_000_000
    assert received == len(post) + size


def test_a_response_that_comes_faster_than_it_is_read_is_read_whole():
    size = 40 << 20
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(range(256)) * (size // 256)
    with RawServer(answering(answer)) as server:
        load = carry_out(server.port, 4, concurrency=2)
    assert outcomes(load) == ["ok"] * 4
    assert load.body(3) == bytes(range(256)) * (size // 256)
    check_order(load)


def test_an_early_response_ends_the_request_and_the_connection():
    size = 20 << 20
    post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size

    def refusing(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.05)  # the end of the connection, with bytes unread, is a reset

    with RawServer(refusing) as server:
        load = carry_out(server.port, [post + bytes(size)] * 2)
    assert outcomes(load) == ["ok"] * 2
    assert columns(load.requests())["status"].tolist() == [413] * 2
    assert server.accepted == 2


def test_a_thousand_connections_at_once():
    n = 1_000
    gate = threading.Barrier(n)

    def all_together(connection: socket.socket) -> None:
        for _ in requests_from(connection):
            gate.wait(PATIENCE_S)
            connection.sendall(SIZED)

    threading.stack_size(1 << 16)
    try:
        with RawServer(all_together) as server:
            load = carry_out(server.port, n, offsets_ns=[0] * n)
    finally:
        threading.stack_size(0)
    assert outcomes(load) == ["ok"] * n
    assert server.accepted == n
    check_order(load)


def test_without_descriptors_requests_wait_for_a_connection():
    script = f"""
import resource, sys
from inference_bench._native import HttpLoad
load = HttpLoad("127.0.0.1", int(sys.argv[1]), [{GET!r}] * 200, offsets_ns=[0] * 200)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
load.start()
assert load.wait(60)
outcomes = load.requests().column("outcome").tolist()
assert outcomes == [0] * 200, outcomes
"""
    with RawServer(answering(SIZED)) as server:
        command = [sys.executable, "-c", script, str(server.port)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 1 < server.accepted < 40


def test_ipv6():
    try:
        server = RawServer(answering(SIZED), socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert outcomes(carry_out(server.port, address="::1")) == ["ok"]
