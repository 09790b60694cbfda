"""The operating system and what it runs on: kernel, distribution, hypervisor, container."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING

from inference_bench.machine.procfs import cpuinfo, first_number, integer, text

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.facts import SystemFacts

_CLOCKSOURCES = "sys/devices/system/clocksource/clocksource0"


def describe_system(root: Path) -> SystemFacts:
    """Describe the operating system; None if unknown.

    Args:
        root: where ``/proc``, ``/sys`` and ``/etc`` are looked for.
    """
    uname = platform.uname()
    return {
        "system": uname.system,
        "kernel": uname.release,
        "architecture": uname.machine,
        "distribution": _distribution(root),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "hypervisor": _hypervisor(root),
        "container": _container(root),
        "clocksource": text(root / _CLOCKSOURCES / "current_clocksource"),
        "address_randomization": integer(root / "proc/sys/kernel/randomize_va_space"),
        "uptime_s": first_number(root / "proc/uptime"),
    }


def _distribution(root: Path) -> str | None:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', text(root / "etc/os-release") or "", re.MULTILINE)
    return found.group(1) if found else None


def _hypervisor(root: Path) -> str | None:
    """Return the hypervisor's name, "unnamed" if it has none, or None on bare metal."""
    dmi = root / "sys/class/dmi/id"
    named = " ".join(filter(None, (text(dmi / "sys_vendor"), text(dmi / "product_name"))))
    kind = text(root / "sys/hypervisor/type")
    if "hypervisor" in cpuinfo(root).get("flags", "").split() or kind:
        clocks = text(root / _CLOCKSOURCES / "available_clocksource") or ""
        return kind or named or ("KVM" if "kvm-clock" in clocks else "unnamed")
    known = re.search(r"KVM|QEMU|VMware|VirtualBox|Xen|Hyper-V|Virtual Machine|Amazon EC2(?!.*metal)", named)
    return named if known else None


def _container(root: Path) -> str | None:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    found = re.search(r"docker|kubepods|lxc|containerd", text(root / "proc/1/cgroup") or "")
    return found.group() if found else None
