"""What /proc says of another process: its threads, whether they run, the CPU time that they have used."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


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
