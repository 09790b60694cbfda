"""Processes that tests start: daemons, and which worker processes of this test session are still there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inference_bench.machine.process_tree import ProcessTree
from inference_bench.machine.subprocesses import package_environment

_MARK = "INFERENCE_BENCH_TEST_SESSION"
os.environ[_MARK] = uuid.uuid4().hex
"""Inherited by all children, also by those whose parent is gone; another session's workers have another one."""
WORKER = "inference_bench.orchestration.worker"
SHARE = "inference_bench.orchestration.placement.share_main"


def processes_alive(module: str) -> list[int]:
    """Pids of this session's live processes of a module, in no order."""
    mark = f"{_MARK}={os.environ[_MARK]}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            inherited = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if module.encode() in words and mark in inherited:
            found.append(int(entry.name))
    return found


def workers_alive() -> list[int]:
    """Pids of this session's live workers."""
    return processes_alive(WORKER)


def assert_no_worker_is_left(within_s: float = 5) -> None:
    """Wait a little for those that are about to end."""
    deadline = time.monotonic() + within_s
    while (left := workers_alive()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


SPINS = "import os, sys; open('/proc/self/comm', 'w').write(sys.argv[1]); os.close(1)\nwhile True: pass"
"""A program that gives itself a name and uses a CPU until it is killed."""


@contextmanager
def detached() -> Iterator[Callable[..., str]]:
    """Yield what starts Python as a daemon starts, in a session of its own and below init; all ends with the block.

    It takes the code, its arguments and its standard input (``text``), and returns its standard output once it, and
    all that it has started, has closed that.
    """
    tree = ProcessTree()
    tree.begin()
    environment = package_environment(tree.environment(os.environ))

    def start(code: str, *words: str, text: str = "") -> str:
        command = ["setsid", "--fork", sys.executable, "-c", code, *words]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, env=environment, text=True, check=True)
        return done.stdout

    try:
        yield start
    finally:
        tree.end(None)
