"""Counters of what the operating system did to this process. Recorded here, judged by ``analysis.trust.process``."""

from __future__ import annotations

import gc
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.units import NS_PER_S, NS_PER_US

_CPUS = Path("/sys/devices/system/cpu")
_NS_PER_JIFFY = NS_PER_S // os.sysconf("SC_CLK_TCK")


def _cpu_times_ns() -> tuple[int | None, int | None]:
    """Return the time of all CPUs that any process used, and that the hypervisor took; None if unknown."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        user, nice, system, _, _, irq, softirq, steal = fields[:8]
    except (OSError, ValueError):
        return None, None
    return (user + nice + system + irq + softirq) * _NS_PER_JIFFY, steal * _NS_PER_JIFFY


def _pressure_ns(resource: str) -> int | None:
    """Return how long some task of the machine has waited for a resource (PSI ``some``), or None if unknown."""
    try:
        return int(Path("/proc/pressure", resource).read_text().split("total=", 1)[1].split()[0]) * NS_PER_US
    except (OSError, IndexError, ValueError):
        return None


def _throttles() -> int | None:
    """Return how often CPUs were slowed down by heat since boot, or None if the kernel does not count it."""
    try:
        found = [int(path.read_text()) for path in _CPUS.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")]
    except (OSError, ValueError):
        return None
    return sum(found) if found else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Counters of this process, and of the machine where known; the difference of two describes a window.

    ``busy_ns`` is the CPU time of all processes of the machine, this one included.
    """

    wall_ns: int
    cpu_ns: int
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    gc_collections: int
    steal_ns: int | None
    cpu_pressure_ns: int | None
    throttles: int | None
    busy_ns: int | None
    memory_pressure_ns: int | None

    @staticmethod
    def now() -> Usage:
        """Read all counters; costs some tens of microseconds, so only at the edges of a case."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        busy_ns, steal_ns = _cpu_times_ns()
        return Usage(
            wall_ns=now_ns(),
            cpu_ns=round((own.ru_utime + own.ru_stime) * NS_PER_S),
            minor_faults=own.ru_minflt,
            major_faults=own.ru_majflt,
            voluntary_switches=own.ru_nvcsw,
            involuntary_switches=own.ru_nivcsw,
            gc_collections=sum(generation["collections"] for generation in gc.get_stats()),
            steal_ns=steal_ns,
            cpu_pressure_ns=_pressure_ns("cpu"),
            throttles=_throttles(),
            busy_ns=busy_ns,
            memory_pressure_ns=_pressure_ns("memory"),
        )

    def since(self, earlier: Usage) -> Usage:
        """Return the difference, counter by counter; unknown stays unknown."""
        return self._with(earlier, -1)

    def plus(self, other: Usage) -> Usage:
        """Return the sum of two windows, counter by counter; unknown stays unknown."""
        return self._with(other, 1)

    def _with(self, other: Usage, sign: int) -> Usage:
        def combined(name: str) -> int | None:
            mine, others = getattr(self, name), getattr(other, name)
            return None if mine is None or others is None else mine + sign * others

        return Usage(**{name: combined(name) for name in self.__slots__})  # type: ignore[arg-type]


_TASKS = Path("/proc/self/task")
_BUSY_SHARE = 0.25
"""Share of the busiest thread's CPU time from which a thread counts as one that computes.

Those of a pool share the work; those of samplers, allocators and event loops use a few per cent.
"""


def thread_times_ns() -> dict[int, int]:
    """Return the CPU time of each thread of this process by its id; empty where the kernel does not say.

    The first number of ``schedstat`` is the time on a CPU (Documentation/scheduler/sched-stats.rst).
    """
    found = {}
    for task in _TASKS.glob("[0-9]*"):
        try:
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue  # it has ended
    return found


class WindowUsage:
    """What the operating system did during timed windows, apart from the preparation around them.

    Attributes:
        total: sum of all windows; None before the first has closed.
    """

    def __init__(self) -> None:
        self.total: Usage | None = None
        self._opened: Usage | None = None
        self._threads_before: dict[int, int] = {}
        self._threads_ns: dict[int, int] = {}

    @property
    def busy_threads(self) -> int:
        """How many threads computed during the windows; 0 if unknown."""
        busiest = max(self._threads_ns.values(), default=0)
        return sum(1 for time_ns in self._threads_ns.values() if time_ns > _BUSY_SHARE * busiest)

    def open(self) -> None:
        """Begin a window."""
        self._threads_before = thread_times_ns()
        self._opened = Usage.now()

    def close(self) -> None:
        """End the window."""
        if self._opened is not None:
            window = Usage.now().since(self._opened)
            self.total = window if self.total is None else self.total.plus(window)
            self._opened = None
            for thread, time_ns in thread_times_ns().items():
                spent = time_ns - self._threads_before.get(thread, 0)
                self._threads_ns[thread] = self._threads_ns.get(thread, 0) + spent
