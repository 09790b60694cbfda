from __future__ import annotations

import gc
import os
import re
import resource
import socket
import threading
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from typing_extensions import Buffer

from inference_bench._native import ScriptedServer, Table, now_ns
from tests.children import run_in_child

REQUEST = b"POST /v1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
HOUR_NS = 3_600_000_000_000
Script = Sequence[tuple[int, Buffer]]


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def connect(server: ScriptedServer) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def receive(client: socket.socket, n: int) -> bytes:
    """Return exactly n bytes, or fewer if the server ended first."""
    got = b""
    while len(got) < n and (more := client.recv(n - len(got))):
        got += more
    return got


def rows(table: Table) -> list[dict[str, int]]:
    columns = table.columns()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def ended(server: ScriptedServer, count: int) -> list[dict[str, int]]:
    """Return the requests once `count` have ended: a client may have its last byte before the server's stamp."""
    while sum(row["ended_ns"] >= 0 for row in rows(server.requests())) < count:
        pass
    return rows(server.requests())


# ---- scripts


def test_steps_are_sent_in_order_none_early_and_each_is_recorded() -> None:
    whole = answer(b"abcdef")
    with ScriptedServer([[(0, whole[:-4]), (1_000_000, b""), (2_000_000, bytearray(b"cd")), (2_000_000, b"ef")]]) as s:
        with connect(s) as client:
            before_ns = now_ns()
            client.sendall(REQUEST)
            assert receive(client, len(whole)) == whole
            after_ns = now_ns()
        (request,) = ended(s, 1)
        sends = rows(s.sends())
    assert before_ns < request["first_byte_ns"] <= request["received_ns"] < after_ns
    assert request["complete"] == 1
    assert [send["step"] for send in sends] == [0, 2, 3]
    assert [send["length"] for send in sends] == [len(whole) - 4, 2, 2]
    assert [send["planned_ns"] - request["received_ns"] for send in sends] == [0, 2_000_000, 2_000_000]
    sent = [send["sent_ns"] for send in sends]
    assert all(send["planned_ns"] <= send["sent_ns"] for send in sends)
    assert sent == sorted(sent)
    assert sent[-1] < after_ns


def test_requests_take_the_scripts_in_turn_over_all_connections() -> None:
    scripts = [[(0, answer(b"one"))], [(0, answer(b"two"))]]
    with ScriptedServer(scripts) as s, connect(s) as a, connect(s) as b:
        for client, body in [(a, b"one"), (b, b"two"), (b, b"one"), (a, b"two")]:
            client.sendall(REQUEST)
            assert receive(client, len(answer(body))) == answer(body)
        got = ended(s, 4)
    assert [row["request"] for row in got] == [0, 1, 2, 3]
    assert [row["script"] for row in got] == [0, 1, 0, 1]
    assert [row["connection"] for row in got] == [1, 2, 2, 1]


def test_routes_answer_by_the_beginning_of_the_request_and_do_not_use_up_scripts() -> None:
    routes = {"GET /v1/models": [(0, answer(b"models"))], "GET ": [(0, answer(b"other"))]}
    with ScriptedServer([[(0, answer(b"a"))], [(0, answer(b"b"))]], routes=routes) as s, connect(s) as client:
        for request, body in [
            (REQUEST, b"a"),
            (b"GET /v1/models HTTP/1.1\r\n\r\n", b"models"),
            (b"GET /health HTTP/1.1\r\n\r\n", b"other"),
            (REQUEST, b"b"),
        ]:
            client.sendall(request)
            assert receive(client, len(answer(body))) == answer(body)
        assert [row["script"] for row in ended(s, 4)] == [0, 2, 3, 1]
        assert s.request_bytes(1) == b"GET /v1/models HTTP/1.1\r\n\r\n"


def test_a_request_counts_from_its_last_byte_however_it_was_cut() -> None:
    with ScriptedServer([[(0, answer(b"ok"))]]) as s, connect(s) as client:
        for byte in REQUEST[:-1]:
            client.sendall(bytes([byte]))
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(30)
        before_ns = now_ns()
        client.sendall(REQUEST[-1:])
        assert receive(client, len(answer(b"ok"))) == answer(b"ok")
        (request,) = ended(s, 1)
        assert request["first_byte_ns"] < before_ns < request["received_ns"]
        assert s.request_bytes(0) == REQUEST


def test_pipelined_requests_are_answered_one_after_the_other() -> None:
    whole = answer(b"ok")
    with ScriptedServer([[(0, whole[:5]), (3_000_000, whole[5:])]]) as s, connect(s) as client:
        client.sendall(REQUEST * 3)
        assert receive(client, 3 * len(whole)) == whole * 3
        got = ended(s, 3)
    for before, after in pairwise(got):
        assert before["ended_ns"] <= after["received_ns"]
        assert after["received_ns"] + 3_000_000 <= after["ended_ns"]


def test_chunked_requests_are_understood() -> None:
    request = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    with ScriptedServer([[(0, answer(b"ok"))]]) as s, connect(s) as client:
        client.sendall(request)
        assert receive(client, len(answer(b"ok"))) == answer(b"ok")
        assert s.request_bytes(0) == request


def test_a_response_larger_than_any_buffer_arrives_whole() -> None:
    body = os.urandom(32 * 2**20)
    with ScriptedServer([[(0, answer(body))]]) as s, connect(s) as client:
        client.sendall(REQUEST)
        while not rows(s.requests()):
            pass
        assert receive(client, len(answer(body))) == answer(body)
        assert [row["complete"] for row in ended(s, 1)] == [1]


# ---- endings


def test_endings() -> None:
    scripts = [[(0, answer(b"ok")[:-1])]] * 4
    with ScriptedServer(scripts, close=["close", "half", "reset", "keep"]) as s:
        closed, half, reset, kept = (connect(s) for _ in range(4))
        for client in (closed, half, reset, kept):
            client.sendall(REQUEST)
            ended(s, len(rows(s.requests())))
        assert receive(closed, 1000) == answer(b"ok")[:-1]
        assert receive(half, 1000) == answer(b"ok")[:-1]
        half.sendall(REQUEST)  # the server still reads, and answers no more
        with pytest.raises(ConnectionResetError):
            while reset.recv(1000):
                pass
        kept.settimeout(0.05)
        assert receive(kept, len(answer(b"ok")) - 1) == answer(b"ok")[:-1]
        with pytest.raises(TimeoutError):
            kept.recv(1)
        assert [row["complete"] for row in rows(s.requests())] == [1, 1, 1, 1]
        for client in (closed, half, reset, kept):
            client.close()


def test_a_client_that_goes_away_leaves_an_incomplete_request() -> None:
    script = [(0, answer(b"ok")[:-1])] + [(step * 1_000_000, b"x") for step in range(1, 10_000)]
    with ScriptedServer([script]) as s:
        with connect(s) as client:
            client.sendall(REQUEST)
            receive(client, 1)
        (request,) = ended(s, 1)
        assert request["complete"] == 0
        with connect(s) as client:  # it answers others
            client.sendall(REQUEST)
            assert receive(client, 1) == b"H"


def test_nonsense_ends_the_connection() -> None:
    with ScriptedServer([[(0, answer(b"ok"))]]) as s, connect(s) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert client.recv(1) == b""
        assert len(s.requests()) == 0


def test_a_stop_closes_every_connection_and_keeps_what_was_recorded() -> None:
    server = ScriptedServer([[(0, b"HTTP/1.1 200 OK\r\n"), (HOUR_NS, b"\r\n")]])
    with server, connect(server) as client:
        client.sendall(REQUEST)
        receive(client, 1)
        server.stop()
        assert receive(client, 1000) == b"TTP/1.1 200 OK\r\n"
    server.stop()
    assert [row["ended_ns"] for row in rows(server.requests())] == [-1]
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    with pytest.raises(RuntimeError, match="one server runs once"):
        server.start()


# ---- many at once


def test_hundreds_of_streams_at_once_lose_nothing() -> None:
    whole = answer(b"x" * 20)
    head = len(whole) - 20
    script = [(0, whole[:head])] + [(100_000_000 + 2_000_000 * i, b"x") for i in range(20)]
    with ScriptedServer([script]) as s:
        clients = []
        for _ in range(400):  # 800 descriptors in this process, below the usual limit of 1,024
            clients.append(connect(s))
            clients[-1].sendall(REQUEST)
        for client in clients:
            assert receive(client, len(whole)) == whole
            client.close()
        requests = ended(s, 400)
        sends = s.sends().columns()
    assert all(row["complete"] for row in requests)
    assert len(sends["request"]) == 400 * 21
    assert np.all(np.asarray(sends["sent_ns"]) >= np.asarray(sends["planned_ns"]))
    per_request = np.bincount(np.asarray(sends["request"]))
    assert np.all(per_request == 21)


def test_without_free_descriptors_connections_wait_and_are_served_later() -> None:
    def child() -> None:
        with ScriptedServer([[(0, answer(b"ok"))]]) as server:
            clients = [socket.socket() for _ in range(40)]
            room = max(client.fileno() for client in clients) + 3
            resource.setrlimit(resource.RLIMIT_NOFILE, (room, room))
            for client in clients:
                client.connect(("127.0.0.1", server.port))
                client.sendall(REQUEST)
            for client in clients:  # as each ends, the server can accept another
                client.settimeout(30)
                assert receive(client, len(answer(b"ok"))) == answer(b"ok")
                client.close()

    assert run_in_child(child) == 0


def test_tables_may_be_read_while_it_runs() -> None:
    whole = answer(b"ok")
    with ScriptedServer([[(0, whole)]]) as s:
        over = threading.Event()
        seen: list[int] = []

        def read() -> None:
            while not over.is_set():
                requests, sends = s.requests().columns(), s.sends().columns()
                assert np.all(np.asarray(requests["request"]) == np.arange(len(requests["request"])))
                assert len(sends["request"]) >= np.sum(np.asarray(requests["complete"]))
                seen.append(len(sends["request"]))

        reader = threading.Thread(target=read)
        reader.start()
        with connect(s) as client:
            for _ in range(5_000):
                client.sendall(REQUEST)
                assert receive(client, len(whole)) == whole
        over.set()
        reader.join()
        assert len(ended(s, 5_000)) == 5_000
    assert seen == sorted(seen)


# ---- the object


def test_a_child_of_a_fork_sees_it_stopped_and_the_parent_goes_on() -> None:
    with ScriptedServer([[(0, answer(b"ok"))]]) as s, connect(s) as client:
        client.sendall(REQUEST)
        receive(client, len(answer(b"ok")))

        def child() -> None:
            assert len(s.requests()) == 1
            with pytest.raises(RuntimeError, match="was stopped"):
                s.start()
            s.stop()

        assert run_in_child(child) == 0
        client.sendall(REQUEST)
        assert receive(client, len(answer(b"ok"))) == answer(b"ok")


def test_a_table_outlives_its_server() -> None:
    server = ScriptedServer([[(0, answer(b"ok"))]])
    with server, connect(server) as client:
        client.sendall(REQUEST)
        receive(client, len(answer(b"ok")))
    table = server.sends()
    del server
    gc.collect()
    assert list(table.column("length")) == [len(answer(b"ok"))]


def test_a_port_can_be_chosen_and_a_taken_one_is_named() -> None:
    first = ScriptedServer([[]])
    with pytest.raises(RuntimeError, match=rf"cannot listen on 127.0.0.1 port {first.port}"):
        ScriptedServer([[]], port=first.port)
    port = first.port
    first.stop()
    assert ScriptedServer([[]], port=port).port == port


@pytest.mark.parametrize(
    ("scripts", "options", "message"),
    [
        ([], {}, "a scripted server needs at least one script; none given"),
        ([[(-1, b"")]], {}, "scripts[0][0] is at -1 ns, after 0"),
        ([[], [(5, b""), (4, b"")]], {}, "scripts[1][1] is at 4 ns, after 5"),
        ([[]], {"port": 65_536}, "port must be from 0 to 65535; given 65536"),
        ([[]], {"close": "abort"}, "close must be 'keep', 'close', 'reset' or 'half'; given 'abort'"),
        ([[]], {"close": ["keep", "keep"]}, "close must be one word, or one for each of 1 script(s); given 2"),
        ([[]], {"routes": {"GET ": [(-2, b"")]}}, "routes['GET '][0] is at -2 ns, after 0"),
    ],
)
def test_wrong_values_are_named(scripts: list[Script], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ScriptedServer(scripts, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [b"bytes", (0,), (0, "text"), ("0", b""), (1.5, b""), (2**70, b"")])
def test_what_is_no_step_is_named(step: object) -> None:
    with pytest.raises(TypeError, match=r"scripts\[0\]\[1\] must be \(offset in ns, bytes\); given "):
        ScriptedServer([[(0, b""), step]])  # type: ignore[list-item]


def test_requests_that_did_not_come_are_named() -> None:
    with pytest.raises(IndexError, match="no request 3; 0 came"):
        ScriptedServer([[]]).request_bytes(3)
