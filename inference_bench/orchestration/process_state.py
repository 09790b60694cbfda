"""What /proc says of another process: its threads, whether they run, the CPU time that they have used."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from inference_bench.units import NS_PER_S


def threads_of(pid: int) -> list[int]:
    """Return the ids of a process's threads; none if it has ended."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def thread_states(pid: int) -> set[str]:
    """Return the states of a process's threads as the letters that ``ps`` shows."""
    found = set()
    for thread in threads_of(pid):
        with suppress(OSError, IndexError):
            found.add(Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()[0])
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process in seconds, over all threads that it has had; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Waits:
    """How a thread has waited for a CPU.

    Attributes:
        wait_s: seconds in which it could run but had no CPU; the kernel adds a wait when it ends.
        turns: how often it was given a CPU.
        is_ready: whether it runs or waits for a CPU now.
    """

    wait_s: float = 0.0
    turns: int = 0
    is_ready: bool = False


def thread_waits(pid: int) -> dict[int, Waits]:
    """Return the waits of each live thread of a process; none if it has ended.

    Without scheduler statistics in the kernel, waits and turns are 0.
    """
    found = {}
    for thread in threads_of(pid):
        with suppress(OSError, IndexError):
            folder = Path(f"/proc/{pid}/task/{thread}")
            is_ready = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "R"
            wait_ns, turns = _wait_and_turns(folder / "schedstat")
            found[thread] = Waits(wait_ns / NS_PER_S, turns, is_ready)
    return found


def _wait_and_turns(path: Path) -> tuple[int, int]:
    try:
        _, wait_ns, turns = map(int, path.read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return wait_ns, turns
