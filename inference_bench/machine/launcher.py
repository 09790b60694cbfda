"""Which processes belong to what started this one: Ray's daemons, a batch system's step, or just a shell.

No list of names: a launcher is found by how it is related to the process that it started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from inference_bench.machine.processes import Process

INIT = 1


def launcher_of(table: Mapping[int, Process], started: int) -> set[int]:
    """Return the pids of the launcher of a process, and of whatever else that launcher runs.

    1. Its ancestors. Init is none, unless it leads the session of ``started`` (in a container): it adopts orphans.
    2. Of the session of ``started``: the groups of these ancestors. Daemons that one command left behind, such as Ray's
       ``raylet`` and ``gcs_server``, have no common parent, but the group of that command.
    3. The descendants of the ancestors in that session, but not of its leader: a shell's other jobs are not the
       launcher's.

    ``started`` and its own descendants are left out.

    Args:
        table: all processes, as ``machine.processes.processes`` returns them.
        started: pid; empty set if it has ended.
    """
    if started not in table:
        return set()
    session = table[started].session
    ancestors = [pid for pid in _ancestors(table, started) if pid != INIT or session == INIT]
    near = [pid for pid in ancestors if table[pid].session == session]
    groups = {table[pid].group for pid in near} - {0}
    grouped = {pid for pid, process in table.items() if process.session == session and process.group in groups}
    below = _descendants(table, (pid for pid in near if pid != session))
    return (grouped | below | set(ancestors)) - {started} - _descendants(table, [started])


def _ancestors(table: Mapping[int, Process], pid: int) -> Iterator[int]:
    """Yield the parent, its parent and so on, as far as they can be seen."""
    while (pid := table[pid].parent) in table:
        yield pid


def _descendants(table: Mapping[int, Process], pids: Iterable[int]) -> set[int]:
    """Return the children of processes, their children and so on."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        new = [pid for pid in children.get(waiting.pop(), ()) if pid not in found]
        found.update(new)
        waiting += new
    return found
