"""How far ceilings can be believed, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.machine_load import disturbances

if TYPE_CHECKING:
    from inference_bench.ceilings import Ceilings


def age_remark(ceilings: Ceilings) -> str:
    """Return that ceilings are old; empty if they are not."""
    if not ceilings.is_old():
        return ""
    return f"The ceilings are {ceilings.age_days():.0f} days old: `ceilings` measures them again on a calm machine."


def busy_remark(ceilings: Ceilings) -> str:
    """Return that ceilings were measured on a busy machine; empty if it was calm, as far as is known."""
    words = busy_words(ceilings)
    return f"The ceilings were measured {words}: the true ones may be higher, and MBU and MFU lower." if words else ""


def busy_words(ceilings: Ceilings) -> str:
    """Return where ceilings were measured if that was a busy machine, and what it did; else nothing."""
    found = disturbances(ceilings.load)
    return f"on a busy machine ({', '.join(found)})" if found else ""
