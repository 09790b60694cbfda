"""The processes of this machine as the kernel lists them: parent, group, session and CPU time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from inference_bench.units import NS_PER_S

NS_PER_TICK = NS_PER_S // os.sysconf("SC_CLK_TCK")
"""The kernel tells CPU time in ticks, cut off to whole ones (proc(5), ``utime``)."""
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process.

    Attributes:
        name: of its command, at most 15 bytes.
        parent: its pid; 0 if that is outside of this PID namespace.
        group: pid of the process that leads its group; 0 as above.
        session: pid of the process that leads its session; 0 as above.
        started_ticks: since the machine has started: two processes with one pid differ in it.
        cpu_ns: that it has used, with all of its threads, also those that have ended.
    """

    name: str
    parent: int
    group: int
    session: int
    started_ticks: int
    cpu_ns: int


def processes() -> dict[int, Process]:
    """Return all processes that this one may see, by pid; about 10 µs each."""
    found = {}
    for pid in map(int, filter(str.isdecimal, os.listdir(_PROC))):
        with suppress(OSError, ValueError, IndexError):  # it has ended
            found[pid] = parsed((_PROC / str(pid) / "stat").read_text(errors="replace"))
    return found


def parsed(stat: str) -> Process:
    """Return what a file ``/proc/PID/stat`` says.

    Raises:
        ValueError, IndexError: it has another form.
    """
    head, _, tail = stat.rpartition(")")  # the name may hold a parenthesis itself
    words = tail.split()
    user_ticks, system_ticks, started_ticks = int(words[11]), int(words[12]), int(words[19])
    return Process(
        head.partition("(")[2],
        int(words[1]),
        int(words[2]),
        int(words[3]),
        started_ticks,
        (user_ticks + system_ticks) * NS_PER_TICK,
    )


def used_ns(before: Mapping[int, Process], after: Mapping[int, Process]) -> Counter[str]:
    """Return the CPU time that processes used between two readings, by name.

    A process that is only in ``after`` has begun in between, and counts whole; what one has used that is only in
    ``before`` is unknown.
    """
    used: Counter[str] = Counter()
    for pid, process in after.items():
        earlier = before.get(pid)
        is_same = earlier is not None and earlier.started_ticks == process.started_ticks
        used[process.name] += process.cpu_ns - (earlier.cpu_ns if earlier is not None and is_same else 0)
    return used
