"""What the operating system did to this process during a window: evidence for how far a timing can be believed."""

from __future__ import annotations

import gc
import os
import resource
from dataclasses import dataclass
from pathlib import Path

from inference_bench._native import now_ns
from inference_bench.spec import Setup
from inference_bench.units import NS_PER_S, NS_PER_US

_CPUS = Path("/sys/devices/system/cpu")
_NS_PER_JIFFY = NS_PER_S // os.sysconf("SC_CLK_TCK")


def _steal_ns() -> int | None:
    """Return the time the hypervisor took from all processors, or None where the kernel does not say."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return int(fields[8]) * _NS_PER_JIFFY
    except (OSError, IndexError, ValueError):
        return None


def _cpu_pressure_ns() -> int | None:
    """Return how long some task of the machine waited for a processor (PSI), or None where the kernel does not say."""
    try:
        return int(Path("/proc/pressure/cpu").read_text().split("total=", 1)[1].split()[0]) * NS_PER_US
    except (OSError, IndexError, ValueError):
        return None


def _throttles() -> int | None:
    """Return how often processors were slowed down for their heat since boot, or None where nobody counts."""
    try:
        found = [int(path.read_text()) for path in _CPUS.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")]
    except (OSError, ValueError):
        return None
    return sum(found) if found else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Counters of this process, and of the machine where it says; a difference of two is a window."""

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

    @staticmethod
    def now() -> Usage:
        """Read all counters; costs some tens of microseconds, so only at the edges of a case."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        return Usage(
            wall_ns=now_ns(),
            cpu_ns=round((own.ru_utime + own.ru_stime) * NS_PER_S),
            minor_faults=own.ru_minflt,
            major_faults=own.ru_majflt,
            voluntary_switches=own.ru_nvcsw,
            involuntary_switches=own.ru_nivcsw,
            gc_collections=sum(generation["collections"] for generation in gc.get_stats()),
            steal_ns=_steal_ns(),
            cpu_pressure_ns=_cpu_pressure_ns(),
            throttles=_throttles(),
        )

    def since(self, earlier: Usage) -> Usage:
        """Return the difference, counter by counter; unknown stays unknown."""

        def difference(name: str) -> int | None:
            new, old = getattr(self, name), getattr(earlier, name)
            return None if new is None or old is None else new - old

        return Usage(**{name: difference(name) for name in self.__slots__})  # type: ignore[arg-type]

    def notes(self, setup: Setup, cpus: int) -> list[str]:
        """Return a sentence for each reason to distrust timings of this window.

        Args:
            setup: what was measured; threads that feed a GPU are meant to wait for it.
            cpus: processors of the machine, over which steal is summed.
        """
        wall, threads = max(self.wall_ns, 1), setup.threads
        found = []
        busy = self.cpu_ns / (wall * threads)
        if busy < 0.8 and setup.device == "cpu":
            found.append(f"CPU time was {busy:.0%} of wall time × {threads} threads: the threads waited for something")
        if self.steal_ns is not None and self.steal_ns > 0.01 * wall * cpus:
            found.append(f"the hypervisor took {self.steal_ns / (wall * cpus):.1%} of the processors' time (steal)")
        if self.cpu_pressure_ns is not None and self.cpu_pressure_ns > 0.1 * wall:
            found.append(f"some task waited for a processor {self.cpu_pressure_ns / wall:.0%} of the time (PSI)")
        switches_per_s = self.involuntary_switches * NS_PER_S / wall
        if switches_per_s > 100 * threads:
            found.append(f"{switches_per_s:.0f} involuntary context switches a second: other work shared the cores")
        if self.major_faults:
            found.append(f"{self.major_faults} major page faults: something was read from disk while timing")
        return found
