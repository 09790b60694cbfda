"""Which worker processes this test session has started and are still there."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

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
