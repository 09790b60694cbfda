"""The machine and the software as plain data: read from /proc, /sys and package metadata, without heavy imports.

What cannot be read is absent, never zero. Facts are recorded here; ``analysis.trust`` judges them.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from pathlib import Path
from typing import TYPE_CHECKING, cast

from inference_bench.machine.cgroup import cpu_quota, memory_limit_bytes
from inference_bench.machine.cpus import describe_cpus
from inference_bench.machine.procfs import chosen, first_number, meminfo_bytes, pressure_percent, stolen_percent, text
from inference_bench.machine.software import describe_python, package_versions, relevant_variables
from inference_bench.machine.system import describe_system
from inference_bench.units import GIB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inference_bench.facts import CgroupFacts, Environment, GpuFacts, LoadFacts, MemoryFacts, PowerFacts


def describe_environment(root: Path = Path("/")) -> Environment:
    """Describe the machine and the software as plain data; never raises.

    Args:
        root: where ``/proc`` and ``/sys`` are looked for.
    """
    found: dict[str, object] = {}
    unreadable: dict[str, str] = {}
    for name, describe in _SECTIONS.items():
        try:
            found[name] = _present(describe(root))
        except Exception as error:  # a file in an unforeseen form must not cost a run
            unreadable[name] = repr(error)
    found["fingerprint"] = _fingerprint(found)
    found["unreadable"] = unreadable
    return cast("Environment", {name: section for name, section in found.items() if section})


def environment_changes(former: Mapping[str, object], present: Mapping[str, object]) -> list[str]:
    """Return what makes results of two environments incomparable: hardware, Python, packages, kernel; one phrase each.

    Args:
        former: an ``Environment``, maybe read back from a file.
        present: another.
    """
    found = []
    if former.get("fingerprint") != present.get("fingerprint"):
        names = [_section(environment, "cpu").get("model", "unknown") for environment in (former, present)]
        found.append("machine: {} before, {} now".format(*names))
    for section, name in (("python", "version"), ("system", "kernel"), ("cpu", "governor"), ("cpu", "affinity")):
        before, now = (_section(environment, section).get(name) for environment in (former, present))
        if before != now:
            found.append(f"{section} {name}: {before} before, {now} now")
    old, new = (_section(environment, "packages") for environment in (former, present))
    found += [
        f"{name}: {old.get(name)} before, {new.get(name)} now"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    return found


def _section(environment: Mapping[str, object], name: str) -> dict[str, object]:
    found = environment.get(name)
    return found if isinstance(found, dict) else {}


def _cgroup(root: Path) -> CgroupFacts:
    return {"cpu_quota": cpu_quota(root), "memory_limit_bytes": memory_limit_bytes(root)}


def _memory(root: Path) -> MemoryFacts:
    bytes_of = meminfo_bytes(root)
    swap_bytes = bytes_of.get("SwapTotal")
    return {
        "total_bytes": bytes_of.get("MemTotal"),
        "available_bytes": bytes_of.get("MemAvailable"),
        "swap_total_bytes": swap_bytes,
        "swap_used_bytes": swap_bytes - bytes_of["SwapFree"] if swap_bytes and "SwapFree" in bytes_of else None,
        "page_bytes": mmap.PAGESIZE if bytes_of else None,
        "transparent_huge_pages": chosen(root / "sys/kernel/mm/transparent_hugepage/enabled"),
        "numa_nodes": len(list((root / "sys/devices/system/node").glob("node[0-9]*"))) or None,
    }


def _load(root: Path) -> LoadFacts:
    return {
        "average_1min": first_number(root / "proc/loadavg"),
        "cpu_waiting_percent_10s": pressure_percent(root / "proc/pressure/cpu"),
        "memory_waiting_percent_10s": pressure_percent(root / "proc/pressure/memory"),
        "io_waiting_percent_10s": pressure_percent(root / "proc/pressure/io"),
        "stolen_percent_since_boot": stolen_percent(root),
    }


def _power(root: Path) -> PowerFacts:
    mains = [text(path / "online") for path in (root / "sys/class/power_supply").glob("A[CD]*")]
    return {"on_battery": "1" not in mains if mains else None}


def _gpus(_: Path) -> list[GpuFacts]:
    # The native module may be missing; the other sections are then the more useful.
    from inference_bench.machine.devices.cuda import describe_gpus

    return describe_gpus()


_SECTIONS: dict[str, Callable[[Path], object]] = {
    "system": describe_system,
    "cpu": describe_cpus,
    "cgroup": _cgroup,
    "memory": _memory,
    "load": _load,
    "power": _power,
    "python": lambda _: describe_python(),
    "packages": lambda _: package_versions(),
    "variables": lambda _: relevant_variables(),
    "gpus": _gpus,
}


def _fingerprint(environment: Mapping[str, object]) -> str:
    """Return a digest of the hardware facts that survive a reboot and an update; equal machines share it."""
    system, cpu, memory = (_section(environment, name) for name in ("system", "cpu", "memory"))
    total_bytes, gpus = memory.get("total_bytes"), environment.get("gpus")
    facts = [
        [system.get(name) for name in ("system", "architecture", "hypervisor")],
        [cpu.get(name) for name in ("vendor", "model", "flags", "logical", "cores", "sockets", "caches")],
        # What the kernel keeps for itself changes with its version, by much less than a GiB.
        round((total_bytes if isinstance(total_bytes, int) else 0) / GIB),
        [gpu.get("name") for gpu in (gpus if isinstance(gpus, list) else [])],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _present(value: object) -> object:
    """Return a dict without what is None or empty, so that absent is absent."""
    if isinstance(value, dict):
        return {name: _present(item) for name, item in value.items() if item is not None and item not in ({}, [], "")}
    return value
