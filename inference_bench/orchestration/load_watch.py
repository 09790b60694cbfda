"""The load of the machine while processes of ours measure it, or while nothing of ours runs."""

from __future__ import annotations

import resource
import time
from dataclasses import asdict, replace

from inference_bench.analysis.machine_load import machine_load
from inference_bench.ceilings import MachineLoad
from inference_bench.machine.process_usage import Usage
from inference_bench.units import NS_PER_S

_WINDOW_S = 1.0
"""The kernel counts CPU time in steps of 10 ms: a tenth of a CPU is ten of them."""


class LoadWatch:
    """Watches the machine from its making on.

    Processes that measure must start after that, and be waited for before ``load`` is asked: their CPU time is no load.
    """

    def __init__(self) -> None:
        self._began = _usage()

    def load(self, threads: float = 1.0) -> MachineLoad:
        """Return the load since then.

        Args:
            threads: that measured, on average.
        """
        return machine_load(asdict(_usage().since(self._began)), threads)


def present_load() -> MachineLoad:
    """Return the load of the machine now; takes a second."""
    watch = LoadWatch()
    time.sleep(_WINDOW_S)
    return watch.load()


def _usage() -> Usage:
    """Return the counters now; the CPU time is that of this process and of all processes that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    now = Usage.now()
    return replace(now, cpu_ns=now.cpu_ns + round((children.ru_utime + children.ru_stime) * NS_PER_S))
