"""How much more memory this process can allocate before it fails or the kernel kills it."""

from __future__ import annotations

import resource
from pathlib import Path

from inference_bench.machine.cgroup import memory_room_bytes
from inference_bench.machine.procfs import meminfo_bytes


def headroom_bytes(root: Path = Path("/")) -> int | None:
    """Return the tightest of what the machine, the control groups and ``ulimit -v`` leave; None if unknown.

    Args:
        root: of the file system with ``proc`` and ``sys``.
    """
    rooms = (_available_bytes(root), memory_room_bytes(root), _address_space_bytes(root))
    return min((max(room, 0) for room in rooms if room is not None), default=None)


def _available_bytes(root: Path) -> int | None:
    """Return the kernel's estimate of what can be allocated without swapping."""
    return meminfo_bytes(root).get("MemAvailable")


def _address_space_bytes(root: Path) -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int((root / "proc/self/statm").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return None
    return limit - pages * resource.getpagesize()
