"""The machine and the software that serve, in the fields of a benchmark's environment; absent where unknown.

A part of what ``inference_bench.machine`` describes: live imports nothing of the measuring packages.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.units import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGES = ("inference-bench", "torch", "transformers", "tokenizers", "safetensors", "accelerate", "numpy")
_ROOT = Path("/")


def describe_host(root: Path = _ROOT) -> dict[str, object]:
    """Return the sections system, cpu, memory, load, python and packages, and the fingerprint of the hardware.

    The fingerprint is made of fewer facts than a benchmark's: equal hardware shares it among live runs only.

    Args:
        root: folder of ``proc`` and ``sys``.
    """
    cpu = _fields(root / "proc/cpuinfo")
    uname = platform.uname()
    sections: dict[str, dict[str, object]] = {
        "system": {
            "system": uname.system,
            "kernel": uname.release,
            "architecture": uname.machine,
            "hypervisor": "unknown hypervisor" if "hypervisor" in cpu.get("flags", "").split() else None,
        },
        "cpu": {
            "model": cpu.get("model name") or cpu.get("Processor") or uname.processor or None,
            "logical": os.cpu_count(),
            "affinity": sorted(os.sched_getaffinity(0)),
            "governor": _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        },
        "memory": {"total_bytes": _kib(_fields(root / "proc/meminfo").get("MemTotal"))},
        "load": {
            "average_1min": _number(_text(root / "proc/loadavg"), 0),
            "cpu_waiting_percent_10s": _pressure(root / "proc/pressure/cpu"),
            "memory_waiting_percent_10s": _pressure(root / "proc/pressure/memory"),
        },
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "debug_build": bool(sysconfig.get_config_var("Py_DEBUG")),
        },
        "packages": {name: _version(name) for name in _PACKAGES},
    }
    known = {
        name: {fact: value for fact, value in section.items() if value is not None}
        for name, section in sections.items()
    }
    return {**known, "fingerprint": _fingerprint(known, cpu.get("flags", ""))}


def _fingerprint(sections: Mapping[str, Mapping[str, object]], flags: str) -> str:
    """Return a digest of the hardware facts that survive a reboot and an update."""
    total_bytes = sections["memory"].get("total_bytes")
    facts = [
        [sections["system"].get(name) for name in ("system", "architecture", "hypervisor")],
        [sections["cpu"].get(name) for name in ("model", "logical")],
        flags,
        round((total_bytes if isinstance(total_bytes, int) else 0) / GIB),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def _fields(path: Path) -> dict[str, str]:
    """Return the fields of a file of lines ``name: value``; of several of one name, the first."""
    found: dict[str, str] = {}
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    return found


def _number(text: str | None, word: int) -> float | None:
    try:
        return float((text or "").split()[word])
    except (IndexError, ValueError):
        return None


def _kib(text: str | None) -> int | None:
    number = _number(text, 0)
    return None if number is None else int(number) * 1024


def _pressure(path: Path) -> float | None:
    """Return the share of the last 10 s in which some task waited, in percent."""
    first = (_text(path) or "").partition("\n")[0]
    _, found, rest = first.partition("avg10=")
    return _number(rest, 0) if found else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
