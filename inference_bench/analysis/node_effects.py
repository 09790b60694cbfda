"""Nodes as a source of variance: how they differ, and what holds within each of them. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from inference_bench.analysis.comparison_result import Comparison
from inference_bench.analysis.estimates import MAX_EXPONENT
from inference_bench.analysis.fleet_band import fleet_band
from inference_bench.analysis.machine_evidence import shift_over_machines
from inference_bench.result import Estimate


def relative_times(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return node → geometric mean, over rows, of its figure over the median of all nodes that have the row.

    Args:
        rows: of one metric of one case each: node → figure; only positive figures and rows of several nodes count.
    """
    logs: dict[str, list[float]] = {}
    for row in rows:
        found = {node: math.log(value) for node, value in row.items() if value > 0}
        if len(found) < 2:
            continue
        middle = float(np.median(list(found.values())))
        for node, value in found.items():
            logs.setdefault(node, []).append(value - middle)
    return {node: math.exp(float(np.mean(values))) for node, values in logs.items()}


def outside_band(relative: Mapping[str, float]) -> list[str]:
    """Return the nodes beyond the band of the fleet, the farthest first; of fewer than four none is.

    Args:
        relative: as ``relative_times`` returns it.
    """
    band = fleet_band(relative)
    return [] if band is None else list(band.outside)


def within_nodes(before: Mapping[str, float], after: Mapping[str, float]) -> Estimate | None:
    """Return the ratio after / before over nodes that have both, with an interval for further nodes.

    Each node gives one ratio, so that its own speed cancels, and the interval covers how differently nodes take the
    change: the node is a random effect, as in a comparison.

    Returns:
        None if no node has both.
    """
    shared = [node for node in before if node in after and before[node] > 0 and after[node] > 0]
    if not shared:
        return None
    shift = shift_over_machines(np.array([math.log(after[node] / before[node]) for node in shared]))
    value, ends = math.exp(shift.value), shift.interval()
    if ends is None:
        return Estimate(value, None, None, needs=2)
    low, high = (math.exp(min(end, MAX_EXPONENT)) for end in ends)
    return Estimate(value, low, high, shift.method)


def odd_machines(row: Comparison) -> list[str]:
    """Return the machines on which a change is outside the band of the others; none of fewer than four."""
    return outside_band({machine: 1 + change for machine, change in row.machines.items()}) if row.relative else []


def widest_difference(rows: Sequence[Mapping[str, float]]) -> tuple[str, str, float] | None:
    """Return the fastest node, the slowest one, and by which fraction its times are longer; None if that is unknown.

    Args:
        rows: times, as for ``relative_times``.
    """
    relative = relative_times(rows)
    if len(relative) < 2:
        return None
    fastest, slowest = min(relative, key=relative.__getitem__), max(relative, key=relative.__getitem__)
    return fastest, slowest, relative[slowest] / relative[fastest] - 1


def departures(row: Mapping[str, float], relative: Mapping[str, float]) -> dict[str, float]:
    """Return node → by which fraction its figure departs, for each whose own speed does not explain it.

    Args:
        row: one metric of one case: node → figure.
        relative: node → its time over that of others, as ``relative_times`` returns it.
    """
    explained = {node: value / relative[node] for node, value in row.items() if value > 0 and node in relative}
    middle = float(np.median(list(explained.values()))) if explained else math.nan
    return {node: explained[node] / middle - 1 for node in outside_band(explained)}
