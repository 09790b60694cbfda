"""Which machine a run was measured on: a node of a sweep, or the host."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_bench.result import RunRecord
    from inference_bench.results.run import Run

_SWEEP, _NODE = "sweep", "node"
"""Tags of the shares of a sweep."""
_LISTED = 4


def sweep_of(record: RunRecord) -> str:
    """Return the sweep that a run is a share of; empty if it is none."""
    tags = record.provenance.tags
    return tags.get(_SWEEP, "") if _NODE in tags else ""


def node_of(record: RunRecord) -> str:
    """Return the node that a sweep measured a run on, else the name of its host; empty if unknown."""
    provenance = record.provenance
    return provenance.tags[_NODE] if sweep_of(record) else provenance.host


def machine_names(runs: Sequence[Run]) -> list[str]:
    """Return a name for the machine of each run: equal names are one machine.

    Nodes of a fleet may be of equal hardware, so that only their names tell them apart. Where no run is a share of a
    sweep, the fingerprint of the hardware does, because a container gives one machine many names.
    """
    fingerprints = [str(run.record.environment.get("fingerprint", "unknown")) for run in runs]
    if not any(sweep_of(run.record) for run in runs):
        return fingerprints
    nodes = [node_of(run.record) or "unknown" for run in runs]
    hardware: dict[str, set[str]] = {}
    for node, fingerprint in zip(nodes, fingerprints, strict=True):
        hardware.setdefault(node, set()).add(fingerprint)
    return [
        node if len(hardware[node]) == 1 else f"{node} ({fingerprint})"
        for node, fingerprint in zip(nodes, fingerprints, strict=True)
    ]


def names_of(machines: Collection[str]) -> str:
    """Return the machines by name, the first few of many."""
    listed = sorted(set(machines))
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more
