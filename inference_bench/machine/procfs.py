"""Files of the kernel, /proc and /sys, as text and numbers. None if a file cannot be read or has another form.

Every reader gets the path or the root of the file system, so that a test can provide the files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inference_bench.units import KIB

if TYPE_CHECKING:
    from pathlib import Path


def text(path: Path) -> str | None:
    """Return the content of a file without the space around it."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def integer(path: Path) -> int | None:
    """Return the integer that is all of a file."""
    found = text(path)
    return int(found) if found and re.fullmatch(r"-?\d+", found) else None


def first_number(path: Path) -> float | None:
    """Return the first word of a file as a number.

    Raises:
        ValueError: the word is no number.
    """
    words = (text(path) or "").split()
    return float(words[0]) if words else None


def switch(path: Path, on: str) -> bool | None:
    """Return whether a file's content is ``on``."""
    found = text(path)
    return None if found is None else found == on


def chosen(path: Path) -> str | None:
    """Return the bracketed word of ``always [madvise] never``."""
    found = re.search(r"\[(\w+)\]", text(path) or "")
    return found.group(1) if found else None


def fields(content: str) -> dict[str, str]:
    """Return the ``name : value`` lines of a file's content; the first of repeated names counts."""
    found: dict[str, str] = {}
    for line in content.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def cpuinfo(root: Path) -> dict[str, str]:
    """Return what ``/proc/cpuinfo`` says about the first CPU."""
    return fields((text(root / "proc/cpuinfo") or "").split("\n\n")[0])


def meminfo_bytes(root: Path) -> dict[str, int]:
    """Return the fields of ``/proc/meminfo``, in bytes.

    Raises:
        ValueError: a field is no number.
    """
    found = fields(text(root / "proc/meminfo") or "")
    return {name: int(value.split()[0]) * KIB for name, value in found.items() if value}


def pressure_percent(path: Path) -> float | None:
    """Return the share of the last 10 s in which some task waited, from a file of ``/proc/pressure``."""
    found = re.search(r"^some avg10=([\d.]+)", text(path) or "")
    return float(found.group(1)) if found else None


def stolen_percent(root: Path) -> float | None:
    """Return the share of CPU time that the hypervisor gave to other VMs since boot.

    Raises:
        ValueError: a field of ``/proc/stat`` is no number.
    """
    words = (text(root / "proc/stat") or "").split("\n")[0].split()
    if len(words) < 9:
        return None
    ticks = [int(word) for word in words[1:9]]
    return round(100 * ticks[7] / sum(ticks), 3) if sum(ticks) else None
