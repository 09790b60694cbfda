"""How a process on a node ended, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference_bench.orchestration.placement.share_process import EXIT

REFUSED, FAILED = "refused", "failed"
"""Events of a request that cannot be carried out, or not now."""
_LAST = 200


def how_it_ended(events: Mapping[str, Any]) -> str:
    """Return why a process did not do what it was asked for.

    Args:
        events: the last of each name.
    """
    for event in (REFUSED, FAILED):
        if event in events:
            return str(events[event]["text"])
    end = events.get(EXIT, {"code": None, "said": ""})
    code, said = end["code"], " ".join(end["said"].split())[-_LAST:]
    how = f"its process ended with signal {-code}" if code is not None and code < 0 else f"its process ended ({code})"
    return f"{how}{f': {said}' if said else ''}"
