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


def _steal_ns() -> int | None:
    """Return the time that the hypervisor took from all CPUs, or None if unknown."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return int(fields[8]) * _NS_PER_JIFFY
    except (OSError, IndexError, ValueError):
        return None


def _cpu_pressure_ns() -> int | None:
    """Return how long some task of the machine waited for a CPU (PSI ``some``), or None if unknown."""
    try:
        return int(Path("/proc/pressure/cpu").read_text().split("total=", 1)[1].split()[0]) * NS_PER_US
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
    """Counters of this process, and of the machine where known; the difference of two describes a window."""

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
