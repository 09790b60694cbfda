from __future__ import annotations

import os
import signal
import socket
import threading

import numpy as np
import pytest

from inference_bench._native import now_ns
from inference_bench.endpoint.address import Address
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.scripts import json_answer
from inference_bench.endpoint.server_process import ServerProcess
from inference_bench.errors import EndpointError
from inference_bench.units import NS_PER_MS


def is_listening(address: Address) -> bool:
    try:
        socket.create_connection((address.host, address.port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def test_it_serves_from_a_process_of_its_own_and_shares_our_clock() -> None:
    scripts = [json_answer({"n": 1}, after_ns=NS_PER_MS), json_answer({"n": 2})]
    with ServerProcess(scripts, routes={"GET /v1/models ": json_answer({"data": []})}) as server:
        assert server.pid != os.getpid()
        before_ns = now_ns()
        client = Client(server.address)
        assert [client.post("/x", {}).fields() for _ in range(3)] == [{"n": 1}, {"n": 2}, {"n": 1}]
        assert client.get("/models").fields() == {"data": []}
        after_ns = now_ns()
        requests, sends = server.requests(), server.sends()
        assert requests["script"].tolist() == [0, 1, 0, 2]
        assert np.all((before_ns < requests["received_ns"]) & (requests["received_ns"] < after_ns))
        assert np.all(sends["sent_ns"] >= sends["planned_ns"])
        assert server.request_bytes(0).startswith(b"POST /v1/x HTTP/1.1\r\n")
        with pytest.raises(EndpointError, match="no request 9; 4 came"):
            server.request_bytes(9)
    assert not is_listening(server.address)


def test_scripts_may_be_shared_and_many() -> None:
    script = json_answer({"ok": True})
    with ServerProcess([script] * 10_000) as server:
        assert Client(server.address).get("/").fields() == {"ok": True}


def test_it_runs_on_the_cpus_it_is_given() -> None:
    cpu = min(os.sched_getaffinity(0))
    with ServerProcess([()], cpus={cpu}) as server:
        assert os.sched_getaffinity(server.pid) == {cpu}


def test_what_is_wrong_with_the_scripts_is_said_here() -> None:
    with pytest.raises(EndpointError, match="the scripted server: offsets of a script must be 0 or more"):
        ServerProcess([((-1, b""),)]).__enter__()
    with ServerProcess([()]) as first, pytest.raises(EndpointError, match=r"cannot listen on 127\.0\.0\.1 port"):
        ServerProcess([()], port=first.address.port).__enter__()


def test_a_child_that_was_killed_is_named() -> None:
    with ServerProcess([()]) as server:
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EndpointError, match="the scripted server ended, exit status -9"):
            server.requests()


def test_it_outlives_the_thread_that_started_it() -> None:
    server = ServerProcess([json_answer({"ok": True})])
    thread = threading.Thread(target=server.__enter__)
    thread.start()
    thread.join()
    try:
        assert Client(server.address).get("/").fields() == {"ok": True}
    finally:
        server.__exit__(None, None, None)
