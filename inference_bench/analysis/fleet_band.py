"""The band of a fleet: how far a node may be from the others before it is named. Pure functions.

Nodes of one type differ, and four to a dozen of them say little about by how much. The band is therefore a prediction
interval: it holds one further node of the same fleet, and 95 % of fleets without an odd node lie wholly in it, whatever
their spread. Several odd nodes widen the spread behind which they hide; the generalised extreme Studentised deviate
test (Rosner 1983, Technometrics 25, 165-172) finds them: the farthest node is taken out, then the next, up to a third
of all, and each is held against those that remain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEAST_FOR_BAND = 4
"""Of three nodes two may be the odd ones."""
LEVEL = 0.95
_MOST_ODD = 3
"""One node in so many may be odd; if more are, the fleet is of several kinds."""
NARROWEST = 0.05
"""A smaller difference names no node: the figures of one node differ by some per cent from day to day."""


@dataclass(frozen=True, slots=True)
class FleetBand:
    """Where the nodes of a fleet are, and which are not there.

    Attributes:
        low: lower end of the band of all others.
        middle: geometric mean of the nodes inside.
        high: upper end.
        outside: the nodes beyond an end, the farthest first.
    """

    low: float
    middle: float
    high: float
    outside: tuple[str, ...] = ()


def fleet_band(values: Mapping[str, float], figures: int = 1) -> FleetBand | None:
    """Return the band of a figure over nodes, or None with fewer than ``LEAST_FOR_BAND`` of them.

    Args:
        values: node → figure, positive.
        figures: how many figures are looked at in the same nodes; with more of them each band is wider, so that 95 %
            holds for all together.
    """
    if len(values) < LEAST_FOR_BAND:
        return None
    inside = {node: math.log(value) for node, value in values.items()}
    taken: list[str] = []
    most = max(1, len(values) // _MOST_ODD)
    best, outside = _band(list(inside.values()), figures * most), 0
    for _ in range(most):
        farthest = _farthest(inside)
        value = inside.pop(farthest)
        taken.append(farthest)
        band = _band(list(inside.values()), figures * most)
        if not band.low <= math.exp(value) <= band.high:
            best, outside = band, len(taken)
    named = (node for node in taken[:outside] if not best.low <= values[node] <= best.high)
    return FleetBand(best.low, best.middle, best.high, tuple(named))


def _farthest(logs: Mapping[str, float]) -> str:
    middle = float(np.mean(list(logs.values())))
    return max(logs, key=lambda node: abs(logs[node] - middle))


def _band(logs: list[float], looks: int) -> FleetBand:
    """Return the prediction interval for one more node, by Student's t; Bonferroni over the nodes and the looks."""
    nodes = len(logs)
    tail = (1 - LEVEL) / (2 * (nodes + 1) * looks)
    reach = float(stdtrit(nodes - 1, 1 - tail)) * float(np.std(logs, ddof=1)) * math.sqrt(1 + 1 / nodes)
    reach = max(reach, math.log1p(NARROWEST))
    middle = float(np.mean(logs))
    return FleetBand(math.exp(middle - reach), math.exp(middle), math.exp(middle + reach))
