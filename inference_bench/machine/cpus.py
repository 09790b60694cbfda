"""The CPUs: which there are, which this process may use, and how their speed is controlled."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from inference_bench.facts import CpuFacts
from inference_bench.machine.cgroup import cpu_quota
from inference_bench.machine.procfs import cpuinfo, integer, switch, text
from inference_bench.units import KIB, MIB

_FOLDER = "sys/devices/system/cpu"

_FLAGS = (
    *("avx", "avx2", "fma", "f16c"),
    *("avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni"),
    *("amx_tile", "amx_bf16", "amx_int8"),
    *("constant_tsc", "nonstop_tsc", "rdtscp"),
    *("asimd", "asimddp", "sve", "sve2", "bf16", "i8mm"),
)


def describe_cpus(root: Path) -> CpuFacts:
    """Describe the CPUs; None if unknown.

    Args:
        root: where ``/proc`` and ``/sys`` are looked for.
    """
    info = cpuinfo(root)
    flags = set((info.get("flags") or info.get("Features") or "").split())
    cpus = root / _FOLDER
    frequency = cpus / "cpu0/cpufreq"
    cores = _cores(cpus)
    return {
        "model": cpu_model(root),
        "vendor": info.get("vendor_id") or info.get("CPU implementer"),
        "microcode": info.get("microcode"),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "logical": os.cpu_count(),
        "cores": len(cores) or None,
        "sockets": len({package for package, _ in cores}) or None,
        "affinity": affinity(),
        "usable": available_cpus(root),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "isolated": text(cpus / "isolated") or None,
        "smt": switch(cpus / "smt/active", on="1"),
        "caches": _caches(cpus / "cpu0/cache"),
        "governor": text(frequency / "scaling_governor"),
        "frequency_driver": text(frequency / "scaling_driver"),
        "energy_preference": text(frequency / "energy_performance_preference"),
        "minimum_khz": integer(frequency / "cpuinfo_min_freq"),
        "maximum_khz": integer(frequency / "cpuinfo_max_freq"),
        "turbo": _turbo(cpus),
    }


def cpu_model(root: Path = Path("/")) -> str | None:
    """Return the name of the CPU model, or None if unknown."""
    info = cpuinfo(root)
    return info.get("model name") or info.get("Processor") or platform.processor() or None


def affinity() -> list[int]:
    """Return the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available_cpus(root: Path = Path("/")) -> int:
    """Count the CPUs this process may use: its affinity, cut down to the cgroup's quota; at least 1."""
    allowed = len(affinity())
    quota = cpu_quota(root)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def _cores(cpus: Path) -> set[tuple[str | None, str | None]]:
    """Return package and number of each physical core."""
    return {
        (text(topology / "physical_package_id"), text(topology / "core_id"))
        for topology in cpus.glob("cpu[0-9]*/topology")
    }


def _caches(folder: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for index in sorted(folder.glob("index[0-9]*")):
        level, kind, size = (text(index / name) or "" for name in ("level", "type", "size"))
        found = re.fullmatch(r"(\d+)([KM])", size)
        if found:
            suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
            sizes[f"L{level}{suffix}"] = int(found.group(1)) * (KIB if found.group(2) == "K" else MIB)
    return sizes


def _turbo(cpus: Path) -> bool | None:
    stopped = switch(cpus / "intel_pstate/no_turbo", on="1")
    return switch(cpus / "cpufreq/boost", on="1") if stopped is None else not stopped
