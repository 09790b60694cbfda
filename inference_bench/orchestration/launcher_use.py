"""The CPU time of the launcher's processes while a case is timed.

It is read in the orchestrator, at the edges of timed windows, while the measured process waits: a millisecond or two,
and nothing of it runs within a window.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from inference_bench.machine.launcher import launcher_of
from inference_bench.machine.processes import Process, processes, used_ns
from inference_bench.orchestration.messages import Failed, Measured


class LauncherUse:
    """Follows the timed windows of one case, as bystanders do; without a window it counts from its beginning on."""

    def __init__(self) -> None:
        self._begun = _launcher()
        self._opened: Mapping[int, Process] | None = None
        self._windows: Counter[str] | None = None

    async def open_window(self) -> None:
        """Begin a window."""
        self._opened = _launcher()

    def close_window(self) -> None:
        """End the window, if one is open."""
        if self._opened is not None:
            self._windows = (self._windows or Counter()) + used_ns(self._opened, _launcher())
            self._opened = None

    def by_name(self) -> dict[str, int]:
        """Return the nanoseconds of CPU time by the name of the command, most first; those that used none are left out.

        Of all windows, or of the whole case if it has had none.
        """
        used = used_ns(self._begun, _launcher()) if self._windows is None else self._windows
        return {name: cpu_ns for name, cpu_ns in used.most_common() if cpu_ns}

    def added_to(self, answer: Measured | Failed) -> Measured | Failed:
        """Return what a worker answered with this beside what it says of itself."""
        if isinstance(answer, Failed):
            return answer
        return replace(answer, worker={**answer.worker, "launcher_ns": self.by_name()})


def _launcher() -> dict[int, Process]:
    """Return the processes of the launcher of this process."""
    table = processes()
    return {pid: table[pid] for pid in launcher_of(table, os.getpid())}
