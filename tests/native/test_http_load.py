from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from inference_bench._native import HttpLoad, Table, now_ns
from tests.native.raw_server import SIZED, RawServer, answering, requests_from

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
HOUR_NS = 3_600 * 10**9
PATIENCE_S = 60
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def columns(table: Table) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in table.columns().items()}


def outcomes(load: HttpLoad) -> list[str]:
    table = load.requests()
    labels = table.labels("outcome")
    assert labels is not None
    return [labels[i] for i in table.column("outcome")]


def carry_out(port: int, requests: int | list[bytes] = 1, address: str = "127.0.0.1", **options: Any) -> HttpLoad:
    """A load that has ended: one client without an arrival schedule."""
    if "offsets_ns" not in options:
        options.setdefault("concurrency", 1)
    load = HttpLoad(address, port, [GET] * requests if isinstance(requests, int) else requests, **options)
    load.start()
    assert load.wait(PATIENCE_S)
    assert load.ended == load.total
    return load


def check_order(load: HttpLoad) -> None:
    """Times of whole requests follow one another, and the chunks of each make up its body."""
    r, c = columns(load.requests()), columns(load.chunks())
    assert load.start_ns is not None
    assert r["request"].tolist() == list(range(load.total))
    assert np.all(load.start_ns <= r["planned_ns"])
    assert np.all(r["planned_ns"] <= r["sent_ns"])
    assert np.all(r["sent_ns"] <= r["written_ns"])
    assert np.all(r["sent_ns"] <= r["first_byte_ns"])
    assert np.all(r["first_byte_ns"] <= r["ended_ns"])
    for request in range(load.total):
        mine = c["request"] == request
        assert c["length"][mine].sum() == r["body_bytes"][request] == len(load.body(request))
        assert c["offset"][mine].tolist() == [0, *np.cumsum(c["length"][mine])][: mine.sum()]
        assert np.all(np.diff(c["read_ns"][mine]) > 0)


# ---- plans


def test_an_open_loop_sends_each_request_when_it_is_due_and_none_early():
    offsets = np.cumsum(np.full(50, 2_000_000))
    with RawServer(answering(SIZED)) as server:
        load = carry_out(server.port, 50, offsets_ns=offsets)
    r = columns(load.requests())
    assert (r["planned_ns"] - load.start_ns).tolist() == offsets.tolist()
    assert outcomes(load) == ["ok"] * 50
    assert load.body(7) == b"hello"
    assert load.head(7) == SIZED[:-5]
    check_order(load)


def test_a_late_request_is_sent_late_and_keeps_its_planned_instant():
    def slow(connection: socket.socket) -> None:
        for _ in requests_from(connection):
            time.sleep(0.02)
            connection.sendall(SIZED)

    with RawServer(slow) as server:
        load = carry_out(server.port, 5, offsets_ns=[0] * 5, connections=1)
    r = columns(load.requests())
    assert np.all(r["planned_ns"] == load.start_ns)
    assert np.all(r["sent_ns"][1:] >= r["ended_ns"][:-1])
    assert server.accepted == 1
    check_order(load)


def test_a_closed_loop_has_so_many_requests_under_way():
    gate = threading.Barrier(4)

    def all_together(connection: socket.socket) -> None:
        for _ in requests_from(connection):
            gate.wait(PATIENCE_S)
            connection.sendall(SIZED)

    with RawServer(all_together) as server:
        load = carry_out(server.port, 20, concurrency=4)
    assert server.accepted == 4
    r = columns(load.requests())
    assert np.all(np.isin(r["planned_ns"][4:], r["ended_ns"]))
    check_order(load)


def test_turns_of_a_session_follow_one_another():
    with RawServer(answering(SIZED)) as server:
        load = carry_out(server.port, 6, offsets_ns=[0, 10_000, 3_000, 4_000, 5_000, 0], after=[-1, -1, 0, 1, 2, 0])
    r = columns(load.requests())
    for request, before, offset in [(2, 0, 3_000), (3, 1, 4_000), (4, 2, 5_000), (5, 0, 0)]:
        assert r["planned_ns"][request] == r["ended_ns"][before] + offset
    check_order(load)


def test_a_client_of_a_closed_loop_ends_its_session_before_it_begins_another():
    with RawServer(answering(SIZED)) as server:
        load = carry_out(server.port, 6, concurrency=1, after=[-1, -1, 0, 1, 2, 3], offsets_ns=[0, 0, 1_000, 0, 0, 0])
    r = columns(load.requests())
    assert np.argsort(r["sent_ns"]).tolist() == [0, 2, 4, 1, 3, 5]
    assert r["planned_ns"][2] == r["ended_ns"][0] + 1_000


# ---- stamps


def test_kernel_stamps_lie_between_the_server_and_the_read():
    sent: list[int] = []

    def stamped(connection: socket.socket) -> None:
        for _ in requests_from(connection):
            connection.sendall(CHUNKED)
            for _ in range(20):
                time.sleep(0.002)
                sent.append(now_ns())
                connection.sendall(b"1\r\nx\r\n")
            connection.sendall(b"0\r\n\r\n")

    with RawServer(stamped) as server:
        load = carry_out(server.port, 3)
    c = columns(load.chunks())
    assert len(c["request"]) == len(sent) == 60
    # The kernel may not have stamped the very first packets of a process; a microsecond for the comparison of clocks.
    known = c["kernel_ns"] >= 0
    assert known.sum() >= 40
    assert np.all(np.array(sent)[known] <= c["kernel_ns"][known] + 1_000)
    assert np.all(c["kernel_ns"][known] <= c["read_ns"][known] + 1_000)
    check_order(load)


# ---- endings


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        load = carry_out(taken.getsockname()[1], 2)
    assert outcomes(load) == ["refused", "refused"]
    assert columns(load.requests())["sent_ns"].tolist() == [-1, -1]
    assert (load.sent, load.body(0), load.head(0)) == (0, b"", b"")


def test_a_stop_interrupts_what_is_under_way():
    with RawServer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")) as server:
        load = HttpLoad("127.0.0.1", server.port, [GET] * 2, offsets_ns=[0, HOUR_NS])
        load.start()
        while len(load.chunks()) == 0:
            time.sleep(0.001)
        assert not load.wait(0)
        load.stop()
    assert load.wait(0)
    assert outcomes(load) == ["interrupted", "unsent"]
    assert load.body(0) == b"hal"
    assert columns(load.requests())["status"].tolist() == [200, 0]
    load.stop()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HttpLoad("localhost", 80, [GET], concurrency=1), "must be an IPv4 or IPv6 address.*'localhost'"),
        (lambda: HttpLoad("127.0.0.1", 0, [GET], concurrency=1), "port must be from 1 to 65535; given 0"),
        (lambda: HttpLoad("127.0.0.1", 2**70, [GET], concurrency=1), "port must fit"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET]), "give offsets_ns .* or concurrency .*; given neither"),
        (lambda: HttpLoad("127.0.0.1", 80, [], concurrency=1), "from 1 to 100000000 requests; given 0"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET, b""], concurrency=1), r"requests\[1\] must be the bytes"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=-1), "concurrency must be at least 1.*given -1"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET] * 2, offsets_ns=[0]), "for each of the 2 requests; given 1"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET] * 2, offsets_ns=[5, 4]), r"offsets_ns\[1\] must be at least the 5"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], offsets_ns=[-1]), r"offsets_ns\[0\] must be from 0 to"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], offsets_ns=[0], after=[0]), r"after\[0\] must be an earlier request"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=1, connections=0), "connections must be from 1 to 65536"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=1, timeout_ns=0), "timeout_ns must be from 1 to"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=1, most_bytes=0), "most_bytes must be from 1 to"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=1, longest_spin_ns=-1), "longest_spin_ns must be from 0"),
    ],
)
def test_values_out_of_range_say_what_is_allowed(make: Callable[[], HttpLoad], message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_load_runs_once():
    load = HttpLoad("127.0.0.1", 9, [GET], offsets_ns=[0])
    with pytest.raises(RuntimeError, match=r"start\(\) it first"):
        load.wait()
    load.stop()
    assert load.wait()
    assert outcomes(load) == ["unsent"]
    with pytest.raises(RuntimeError, match="was stopped"):
        load.start()


def test_bytes_of_a_request_that_is_not_there_or_not_over():
    load = HttpLoad("127.0.0.1", 9, [GET], offsets_ns=[0])
    with pytest.raises(IndexError, match="request must be from 0 to 0; given -1"):
        load.body(-1)
    with pytest.raises(IndexError, match="given 1"):
        load.head(1)
    with pytest.raises(RuntimeError, match="request 0 has not ended"):
        load.body(0)
