"""Counters of what the operating system did to this process. Recorded here, judged by ``analysis.trust.process``."""

from __future__ import annotations

import gc
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.machine.cgroup import quota_use
from inference_bench.machine.processes import NS_PER_TICK
from inference_bench.units import NS_PER_S, NS_PER_US

_CPUS = Path("/sys/devices/system/cpu")


def _cpu_times_ns() -> tuple[int | None, int | None]:
    """Return the time of all CPUs that any process used, and that the hypervisor took; None if unknown."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        user, nice, system, _, _, irq, softirq, steal = fields[:8]
    except (OSError, ValueError):
        return None, None
    return (user + nice + system + irq + softirq) * NS_PER_TICK, steal * NS_PER_TICK


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

    ``busy_ns`` is the CPU time of all processes of the machine, this one included; ``system_ns`` the part of ``cpu_ns``
    in the kernel. A CPU quota is given anew in each of the ``quota_periods``, and was used up in ``quota_throttles``.
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
    system_ns: int | None = None
    quota_periods: int | None = None
    quota_throttles: int | None = None

    @staticmethod
    def now() -> Usage:
        """Read all counters; costs some tens of microseconds, so only at the edges of a case."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        busy_ns, steal_ns = _cpu_times_ns()
        periods, throttles = quota_use(Path("/"))
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
            system_ns=round(own.ru_stime * NS_PER_S),
            quota_periods=periods,
            quota_throttles=throttles,
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


_PROC = Path("/proc")
_BUSY_SHARE = 0.25
"""Share of the busiest thread's CPU time from which a thread counts as one that computes.

Those of a pool share the work; those of samplers, allocators and event loops use a few per cent.
"""


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """How long a thread ran on a CPU, and how long it waited for one while it could have run."""

    ran_ns: int = 0
    waited_ns: int = 0

    def plus(self, other: ThreadTimes, sign: int = 1) -> ThreadTimes:
        """Return the sum, or with -1 the difference."""
        return ThreadTimes(self.ran_ns + sign * other.ran_ns, self.waited_ns + sign * other.waited_ns)


def thread_times() -> dict[int, ThreadTimes]:
    """Return the times of each thread of this process, and of those that it has started, by its id.

    Some engines compute in processes of their own. Empty where the kernel does not say. The times are the first two
    numbers of ``schedstat`` (Documentation/scheduler/sched-stats.rst).
    """
    found: dict[int, ThreadTimes] = {}
    processes = [os.getpid()]
    while processes:
        for task in (_PROC / str(processes.pop()) / "task").glob("[0-9]*"):
            try:
                ran, waited, _ = (task / "schedstat").read_text().split()
                found[int(task.name)] = ThreadTimes(int(ran), int(waited))
                processes += map(int, (task / "children").read_text().split())
            except (OSError, ValueError):
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
        self._before: dict[int, ThreadTimes] = {}
        self._threads: dict[int, ThreadTimes] = {}

    @property
    def busy_threads(self) -> int:
        """How many threads computed during the windows; 0 if unknown."""
        busiest = max((times.ran_ns for times in self._threads.values()), default=0)
        return sum(1 for times in self._threads.values() if times.ran_ns > _BUSY_SHARE * busiest)

    @property
    def waited_ns(self) -> int | None:
        """How long all threads together waited for a CPU during the windows; None if unknown."""
        return sum(times.waited_ns for times in self._threads.values()) if self._threads else None

    def open(self) -> None:
        """Begin a window."""
        self._before = thread_times()
        self._opened = Usage.now()

    def close(self) -> None:
        """End the window."""
        if self._opened is not None:
            window = Usage.now().since(self._opened)
            self.total = window if self.total is None else self.total.plus(window)
            self._opened = None
            for thread, times in thread_times().items():
                spent = times.plus(self._before.get(thread, ThreadTimes()), -1)
                self._threads[thread] = self._threads.get(thread, ThreadTimes()).plus(spent)
