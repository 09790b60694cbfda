"""A process with everything that it starts: all of it ends together, also if this process is killed.

A tree is a process group, and all its processes inherit an environment variable with its mark. So a descendant is found
after its parent has ended, and also if it has begun a session of its own.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

MARK = "INFERENCE_BENCH_TREE"
_LOOKS = 50
"""Maximum number of rounds: a process may start another one while it is being killed."""
_LOOK_PAUSE_S = 0.01
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """Names one tree before its first process starts.

    Attributes:
        mark: value of the environment variable ``MARK`` in each of its processes.
    """

    mark: str = field(default_factory=lambda: uuid4().hex)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return ``base`` with the mark, for the tree's first process, which must begin a process group.

        A tree inside a tree keeps the outer mark: it ends with the outer one.
        """
        outer = base.get(MARK)
        return {**base, MARK: f"{outer},{self.mark}" if outer else self.mark}

    def begin(self, group: int | None = None) -> None:
        """Have the tree killed if this process ends before ``end``.

        Args:
            group: id of the process group; call once without it before the first process starts, and again with it.
        """
        _GUARD.tell(f"+{self.mark} {group or ''}")

    def end(self, group: int | None) -> None:
        """Kill every process of the tree that is left.

        Args:
            group: id of the process group, which is that of the tree's first process; None if it never started.
        """
        kill_all(self.mark, group)
        _GUARD.tell(f"-{self.mark}")


def kill_all(mark: str, group: int | None) -> None:
    """Kill every process with this mark or in this group, except this one."""
    for _ in range(_LOOKS):
        found = _members(mark, group)
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(_LOOK_PAUSE_S)


def _members(mark: str, group: int | None) -> list[int]:
    """Return the pids of a tree's live processes; zombies are left out."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError, IndexError):
            state, _, its_group = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:3]
            if state in "ZX" or int(name) == os.getpid():
                continue
            if int(its_group) == group or mark in _marks(Path(f"/proc/{name}/environ").read_bytes()):
                found.append(int(name))
    return found


def _marks(environ: bytes) -> list[str]:
    """Return the marks in a process's environment, from that of the outermost tree to that of the innermost."""
    start = f"{MARK}=".encode()
    found = [entry for entry in environ.split(b"\0") if entry.startswith(start)]
    return found[0][len(start) :].decode(errors="replace").split(",") if found else []


class _Guard:
    """A small process that kills the trees of this one when this one has ended, however it ended.

    It reads their marks from a pipe whose other end the kernel closes with this process. While nothing is written, it
    sleeps. It starts with the first tree; a fork of this process starts one of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def tell(self, line: str) -> None:
        """Write one line to it; without it, only a killed orchestrator would leave processes behind."""
        with self._lock, suppress(OSError):
            if self._process is None or self._owner != os.getpid():
                self._process, self._owner = _start_guard(), os.getpid()
                atexit.register(self._stop, self._owner)
            assert self._process.stdin is not None
            os.write(self._process.stdin.fileno(), line.encode() + b"\n")

    def _stop(self, owner: int) -> None:
        """End it with this process; a fork leaves that of its parent alone."""
        if self._process is not None and self._owner == owner == os.getpid():
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.communicate(timeout=_STOP_S)


def _start_guard() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


_GUARD = _Guard()


def _guard() -> None:
    """Read marks from standard input until its end, then kill the trees that had not ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[str, int | None] = {}
    for line in sys.stdin:
        mark, _, group = line[1:].strip().partition(" ")
        groups.pop(mark, None)
        if line[0] == "+":
            groups[mark] = int(group) if group else None
    for mark, group_id in groups.items():
        kill_all(mark, group_id)


if __name__ == "__main__":
    _guard()
