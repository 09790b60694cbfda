"""Which processes' ``now_ns`` are on one scale."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")


@cache
def clock_scale() -> str:
    """Return a text that is equal in two processes whose ``now_ns`` can be compared; empty where that is not known.

    ``now_ns`` counts on the scale of ``CLOCK_MONOTONIC_RAW``: one for all processes of a boot of a kernel that are in
    one time namespace (``time_namespaces(7)``). The text names both without showing the kernel's id of the boot.
    """
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        return ""
    try:
        namespace = str(_TIME_NAMESPACE.readlink())
    except OSError:  # a kernel before 5.6 has none, so all its processes share one scale
        namespace = ""
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:16]
