"""How often does the band of a fleet name a node of an equal fleet, and a node that is slow?

A simulation with known truth: nodes differ by a normal spread in each of the seven figures of a calibration.
*prediction interval*: what a sweep uses. *3 robust standard deviations*: the median and the median absolute deviation
of all nodes, never less than 5 %, which is what people do by hand.

Run as ``python -m bench.fleet_band``; exits with 1 if the prediction interval names more than 5 % of equal fleets.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.fleet_band import LEVEL, NARROWEST, fleet_band

FIGURES = 7
SLOW = 0.8
"""Speed of the slow node in every figure."""
_MAD_OF_NORMAL = 1.4826
Speeds = NDArray[np.float64]
"""Of one fleet: node × figure."""


def prediction_interval(speeds: Speeds) -> set[int]:
    """Return the nodes that a sweep would name."""
    named: set[int] = set()
    for figure in speeds.T:
        band = fleet_band({str(node): float(value) for node, value in enumerate(figure)}, FIGURES)
        assert band is not None
        named.update(map(int, band.outside))
    return named


def robust_deviations(speeds: Speeds) -> set[int]:
    """Return the nodes beyond three robust standard deviations."""
    logs = np.log(speeds)
    away = abs(logs - np.median(logs, axis=0))
    reach = np.maximum(3 * _MAD_OF_NORMAL * np.median(away, axis=0), math.log1p(NARROWEST))
    return set(map(int, np.flatnonzero((away > reach).any(axis=1))))


RULES: Mapping[str, Callable[[Speeds], set[int]]] = {
    "prediction interval": prediction_interval,
    "3 robust standard deviations": robust_deviations,
}


def rates(rule: Callable[[Speeds], set[int]], nodes: int, spread: float, fleets: int) -> tuple[float, float]:
    """Return the share of equal fleets in which a node is named, and of those with a slow node in which only it is."""
    generator = np.random.default_rng(nodes)
    alarms = found = 0
    for _ in range(fleets):
        speeds = np.exp(generator.normal(0, spread, (nodes, FIGURES)))
        alarms += bool(rule(speeds))
        speeds[0] *= SLOW
        found += rule(speeds) == {0}
    return alarms / fleets, found / fleets


def main() -> int:
    """Print a table of rates."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--fleets", type=int, default=2000, help="simulated fleets per row (default: 2000)")
    given = arguments.parse_args()
    error = 3 * math.sqrt(LEVEL * (1 - LEVEL) / given.fleets)
    kept = True
    print("| rule | nodes | spread | equal fleets named | slow node named alone |\n|---|---:|---:|---:|---:|")
    for name, rule in RULES.items():
        for nodes in (4, 6, 8, 16):
            for spread in (0.005, 0.01, 0.02, 0.05):
                alarms, found = rates(rule, nodes, spread, given.fleets)
                print(f"| {name} | {nodes} | {spread:.1%} | {alarms:.1%} | {found:.1%} |")
                kept &= rule is not prediction_interval or alarms <= 1 - LEVEL + error
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
