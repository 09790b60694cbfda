"""Limits of this process's control groups; those of every group above it apply as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.machine import procfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LIMIT_BYTES = 1 << 62
"""Version 1 writes "no memory limit" as the largest multiple of a page below 2**63."""


def cpu_quota(root: Path) -> float | None:
    """Return how many CPUs' worth of time the tightest group allows, or None without a quota."""
    quotas = []
    for folder in _folders(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        quota = quota or _text(folder / "cpu.cfs_quota_us")
        period = period or _text(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):  # "max" and -1 mean: no quota
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def quota_use(root: Path) -> tuple[int | None, int | None]:
    """Return the periods of the CPU quota that stopped this process most, and in how many of them it was used up.

    Both are 0 without a quota, and None where the kernel does not count them.
    """
    counts = [_numbers(folder / "cpu.stat") for folder in _folders(root, "cpu")]
    known = [(of.get("nr_periods", 0), of.get("nr_throttled", 0)) for of in counts if of]
    return max(known, key=lambda found: found[1], default=(None, None))


def memory_limit_bytes(root: Path) -> int | None:
    """Return the tightest group's limit, or None without a limit."""
    found = [
        _text(folder / name) for folder in _folders(root, "memory") for name in ("memory.max", "memory.limit_in_bytes")
    ]
    limits = [int(text) for text in found if text.isdecimal()]
    return min((limit for limit in limits if limit < _NO_LIMIT_BYTES), default=None)


def memory_room_bytes(root: Path) -> int | None:
    """Return the bytes left in the tightest group, reclaimable file pages included; None without a limit."""
    rooms = []
    for folder in _folders(root, "memory"):
        for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most, used = _text(folder / limit), _text(folder / usage)
            if most.isdecimal() and used.isdecimal() and int(most) < _NO_LIMIT_BYTES:
                rooms.append(int(most) - int(used) + _inactive_file_bytes(folder))
    return min(rooms, default=None)


def oom_kills(root: Path) -> int | None:
    """Return how many processes the kernel has killed for lack of memory, or None where it does not tell.

    That is the count of this process's own group, or, with version 1 and outside of groups, of the whole machine.
    """
    counts = [_count(folder / "memory.events") for folder in _folders(root, "memory")]
    return next((count for count in counts if count is not None), _count(root / "proc/vmstat"))


def _count(path: Path) -> int | None:
    words = dict(line.split(" ", 1) for line in _text(path).splitlines() if " " in line)
    return int(words["oom_kill"]) if words.get("oom_kill", "").isdecimal() else None


def _numbers(path: Path) -> dict[str, int]:
    """Return the counters of a file with a name and a number per line; empty if there is none."""
    words = (line.split() for line in _text(path).splitlines())
    return {word[0]: int(word[1]) for word in words if len(word) == 2 and word[1].isdecimal()}


def _inactive_file_bytes(folder: Path) -> int:
    lines = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
    return int(lines.get("total_inactive_file") or lines.get("inactive_file") or 0)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's group and of every group above it.

    Version 2 has one tree, version 1 has one tree per controller. If the process's own folder is not mounted (a
    container without a cgroup namespace), the mount itself is the container's folder.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, inside = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        folder = mount / inside.strip("/")
        while folder != mount:
            yield folder
            folder = folder.parent
        yield mount


def _text(path: Path) -> str:
    return procfs.text(path) or ""
