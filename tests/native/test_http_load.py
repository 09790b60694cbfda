"""HttpLoad: when it sends, what it stamps, how it starts and stops."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference_bench._native import HttpLoad, now_ns
from tests.native.http_loads import CHUNKED, GET, HOUR_NS, PATIENCE_S, carry_out, check_order, columns, outcomes
from tests.native.raw_server import SIZED, RawServer, answering, requests_from, silent

ROOT = Path(__file__).parents[2]
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"

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
    last = np.cumsum(c["length"]) - 1  # one read may bring several chunks of a byte, and has the stamp of the last
    assert last[-1] + 1 == len(sent) == 60
    # The kernel may not have stamped the very first packets of a process; a microsecond for the comparison of clocks.
    known = c["kernel_ns"] >= 0
    assert known.mean() >= 0.5
    assert np.all(np.array(sent)[last][known] <= c["kernel_ns"][known] + 1_000)
    assert np.all(c["kernel_ns"][known] <= c["read_ns"][known] + 1_000)
    check_order(load)


# ---- ends of loads


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


def test_a_signal_handler_runs_during_a_wait():
    def interrupt(*_: object) -> None:
        raise KeyError("handled")

    load = HttpLoad("127.0.0.1", 9, [GET], offsets_ns=[HOUR_NS])
    load.start()
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        with pytest.raises(KeyError, match="handled"):
            load.wait()
        signal.signal(signal.SIGALRM, lambda *_: load.stop())
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        assert load.wait()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert outcomes(load) == ["unsent"]


def test_other_threads_run_during_a_wait():
    load = HttpLoad("127.0.0.1", 9, [GET], offsets_ns=[HOUR_NS])
    load.start()
    waiter = threading.Thread(target=load.wait)
    waiter.start()
    load.stop()
    waiter.join()


def test_a_load_that_is_dropped_ends_and_gives_its_descriptors_back():
    with RawServer(silent) as server:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            load = HttpLoad("127.0.0.1", server.port, [GET] * 3, offsets_ns=[0, 0, HOUR_NS])
            load.start()
            while load.sent < 2:
                time.sleep(0.0005)
            del load
        gc.collect()
        while len(os.listdir("/proc/self/fd")) > before:  # the server's own side, once it notices
            time.sleep(0.001)


def test_the_child_of_a_fork_sees_a_stopped_load_and_leaves_the_connections_alone():
    with RawServer(answering(SIZED)) as server:
        load = HttpLoad("127.0.0.1", server.port, [GET] * 100, offsets_ns=np.arange(100) * 3_000_000)
        load.start()
        while load.ended < 10:
            time.sleep(0.001)
        child = os.fork()
        if child == 0:
            done = load.wait(0) and load.ended == 100 and load.body(3) == b"hello"
            right = done and {"ok", "unsent"} <= set(outcomes(load)) <= {"ok", "unsent", "interrupted"}
            load.stop()
            del load
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert load.wait(PATIENCE_S)
    assert outcomes(load) == ["ok"] * 100
    assert columns(load.requests())["resent"].sum() == 0


def test_tables_may_be_read_while_the_load_runs():
    with RawServer(answering(CHUNKED, *[b"1\r\nx\r\n"] * 20, b"0\r\n\r\n")) as server:
        load = HttpLoad("127.0.0.1", server.port, [GET] * 300, concurrency=8)
        load.start()
        while not load.wait(0):
            r, c = columns(load.requests()), columns(load.chunks())
            assert np.all(r["ended_ns"] > 0)
            assert np.all(c["length"] > 0)
    assert outcomes(load) == ["ok"] * 300
    check_order(load)


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
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=1, tls_ca="x.pem"), "tls_ca needs tls_name"),
        (lambda: HttpLoad("127.0.0.1", 80, [GET], concurrency=1, tls_name=""), "tls_name must be a text, or None"),
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
