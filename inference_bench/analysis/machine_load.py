"""What else a machine did while its ceilings were measured, and whether that makes them doubtful. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from inference_bench.ceilings import Ceilings, MachineLoad
from inference_bench.units import NS_PER_S

OTHERS_CPUS = 0.1
"""CPUs that an idle system and the harness itself use stay below this: a few hundredths."""
STOLEN = 0.01
"""Share of the threads' time: an interval of a median resolves about 1 %."""
WAITED_FOR_MEMORY = 0.01
"""Share of the time: a machine with enough memory shows none."""
SLOW_DOWNS_PER_S = 0.0
"""A cool machine has none."""

Usage = Mapping[str, int | None]
"""Counters over a window, as ``machine.process_usage.Usage`` names them; ``cpu_ns`` is that of all that measured."""


def machine_load(usage: Usage, threads: float) -> MachineLoad:
    """Return the load of a machine over a window.

    Args:
        usage: counters over the window, which is longer than nothing.
        threads: that measured, on average.
    """
    busy_ns, cpu_ns = usage["busy_ns"], usage["cpu_ns"]
    others_ns = None if busy_ns is None or cpu_ns is None else max(0, busy_ns - cpu_ns)
    wall_ns = usage["wall_ns"] or 1

    def per_wall(value: int | None, scale: float = 1.0) -> float | None:
        return None if value is None else scale * value / wall_ns

    return MachineLoad(
        others_cpus=per_wall(others_ns),
        stolen=per_wall(usage["steal_ns"], 1 / threads),
        waited_for_memory=per_wall(usage["memory_pressure_ns"]),
        slow_downs_per_s=per_wall(usage["throttles"], NS_PER_S),
    )


def is_doubtful(ceilings: Ceilings) -> bool:
    """Return whether ceilings were measured on a busy machine: the true ones may be higher."""
    return bool(disturbances(ceilings.load))


def disturbances(load: MachineLoad | None) -> tuple[str, ...]:
    """Return what disturbed a measurement, one phrase each; empty if nothing is known to have done so."""
    return () if load is None else tuple(_disturbances(load))


def _disturbances(load: MachineLoad) -> Iterator[str]:
    for value, limit, text in (
        (load.others_cpus, OTHERS_CPUS, "other processes used {:.2f} CPUs"),
        (load.stolen, STOLEN, "the hypervisor took {:.1%} of the threads' time"),
        (load.waited_for_memory, WAITED_FOR_MEMORY, "some task waited for memory during {:.1%} of the time"),
        (load.slow_downs_per_s, SLOW_DOWNS_PER_S, "heat slowed the CPUs down {:.2g} times per second"),
    ):
        if value is not None and value > limit:
            yield text.format(value)
