"""The receiver goes on while Python holds the GIL, and marks what waited while the process stood still."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from inference_bench._native import HttpLoad, now_ns
from tests.native.http_loads import CHUNKED, GET, PATIENCE_S, columns, outcomes
from tests.native.raw_server import RawServer, requests_from

ROOT = Path(__file__).parents[2]
HEAD = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"


def test_a_held_gil_delays_no_stamp():
    """A child sends chunks while the parent's Python holds the GIL; the reads are not late."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child:
        load = HttpLoad("127.0.0.1", int(child.stdout.readline()), [GET], concurrency=1)
        load.start()
        while len(load.chunks()) == 0:
            time.sleep(0.001)
        held = now_ns()
        ctypes.PyDLL(None).usleep(200_000)  # with the GIL
        free = now_ns()
        assert load.wait(PATIENCE_S)
        sent = json.loads(child.stdout.readline())
    c = columns(load.chunks())
    read_ns = np.repeat(c["read_ns"], c["length"])  # of each chunk, which is a byte: one read may bring several
    assert len(read_ns) == len(sent)
    during = (read_ns > held) & (read_ns < free)
    assert during.sum() >= 10
    # Each chunk was read before the next one was sent, but where another process had the core for that long.
    before_the_next = read_ns[:-1] < np.array(sent)[1:]
    assert before_the_next.mean() > 0.5
    assert outcomes(load) == ["ok"]


CHILD = """
import json, time
from inference_bench._native import now_ns
from tests.native.raw_server import RawServer, requests_from
sent = []
def chunks(connection):
    next(requests_from(connection))
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
    for _ in range(100):
        time.sleep(0.005)
        sent.append(now_ns())
        connection.sendall(b"1\\r\\nx\\r\\n")
    connection.sendall(b"0\\r\\n\\r\\n")
    print(json.dumps(sent), flush=True)
with RawServer(chunks) as server:
    print(server.port, flush=True)
    while not sent or len(sent) < 100: time.sleep(0.01)
    time.sleep(0.2)
"""


def test_a_stopped_process_marks_the_chunks_that_waited():
    """SIGSTOP for 300 ms: the kernel's stamps lie within it, the reads after it, and both are marked."""
    script = f"""
import os, signal, sys, threading, time
import numpy as np
from inference_bench._native import HttpLoad
load = HttpLoad("127.0.0.1", int(sys.argv[1]), [{GET!r}], concurrency=1)
load.start()
while len(load.chunks()) < 5: time.sleep(0.001)
print("go", flush=True)
assert load.wait(60)
c = {{name: np.asarray(column) for name, column in load.chunks().columns().items()}}
stalls = {{name: np.asarray(column) for name, column in load.stalls().columns().items()}}
longest = np.argmax(stalls["ended_ns"] - stalls["began_ns"])
began, ended = stalls["began_ns"][longest], stalls["ended_ns"][longest]
assert ended - began >= 250_000_000, (began, ended)
waited = (c["kernel_ns"] >= began) & (c["kernel_ns"] <= ended)
assert waited.any()
assert np.all(c["stalled"][waited] == 1), c
assert np.all(c["read_ns"][waited] >= ended - 1_000_000)
assert c["stalled"].mean() < 1
"""

    def chunks(connection: socket.socket) -> None:
        next(requests_from(connection))
        connection.sendall(CHUNKED)
        for _ in range(200):
            time.sleep(0.005)
            connection.sendall(b"1\r\nx\r\n")
        connection.sendall(b"0\r\n\r\n")

    with RawServer(chunks) as server:
        command = [sys.executable, "-c", script, str(server.port)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert client.stderr is not None
            assert client.stdout.readline() == "go\n", client.stderr.read()
            client.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            client.send_signal(signal.SIGCONT)
            assert client.wait(PATIENCE_S) == 0, client.stderr.read()
