"""Does sharing a sweep out in whole blocks find a change that differences between machines would hide, or feign?

A simulation with known truth. Each node has its own speed; A and B are measured in several processes. *blocks*: every
node measures both, and the interval is Student's t over the nodes' log ratios, so that the node is a random effect.
*split*: half of the nodes measure A, half B; Welch's t over the nodes' means. *split, processes counted*: the same
data, but each process counts as independent of the others on its node, which is what a table of all results invites to.

Run as ``python -m bench.sweep_blocks``; exits with 1 if blocks give false alarms beyond their level, or miss the
change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

LEVEL = 0.95
CHANGE = 0.02
NODE_SD, INTERACTION_SD, PROCESS_SD = 0.10, 0.005, 0.01
"""Standard deviations of logarithms: of nodes; of how differently nodes take the change; of processes on one node."""
PROCESSES = 8
LEAST_POWER_OF_6 = 0.95
Logs = NDArray[np.float64]
"""Logarithms of times: repetition × node × process."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often an interval of the change does not hold zero.

    Attributes:
        false_alarms: without a change.
        found: with the change, in its direction.
        half_width: median half width of the interval.
    """

    false_alarms: float
    found: float
    half_width: float


def measure(generator: np.random.Generator, repetitions: int, nodes: int, change: float) -> tuple[Logs, Logs]:
    """Return what all nodes would measure of A and of B."""
    node = generator.normal(0, NODE_SD, (repetitions, nodes, 1))
    takes = np.log1p(change) + generator.normal(0, INTERACTION_SD, (repetitions, nodes, 1))
    noise = generator.normal(0, PROCESS_SD, (2, repetitions, nodes, PROCESSES))
    return node + noise[0], node + takes + noise[1]


def blocks(a: Logs, b: Logs) -> tuple[Logs, Logs]:
    """Return estimate and half width: every node measures both."""
    ratios = (b - a).mean(axis=2)
    nodes = ratios.shape[1]
    width = _student(nodes - 1) * ratios.std(axis=1, ddof=1) / np.sqrt(nodes)
    return ratios.mean(axis=1), width


def split(a: Logs, b: Logs) -> tuple[Logs, Logs]:
    """Return estimate and half width: the first half of the nodes measures A, the second half B."""
    half = a.shape[1] // 2
    return _welch(a[:, :half].mean(axis=2), b[:, half:].mean(axis=2))


def split_by_processes(a: Logs, b: Logs) -> tuple[Logs, Logs]:
    """Return the same, as if processes on one node were independent."""
    half, repetitions = a.shape[1] // 2, len(a)
    return _welch(a[:, :half].reshape(repetitions, -1), b[:, half:].reshape(repetitions, -1))


DESIGNS: Mapping[str, Callable[[Logs, Logs], tuple[Logs, Logs]]] = {
    "blocks": blocks,
    "split": split,
    "split, processes counted": split_by_processes,
}


def _welch(a: Logs, b: Logs) -> tuple[Logs, Logs]:
    of_a, of_b = (side.var(axis=1, ddof=1) / side.shape[1] for side in (a, b))
    freedom = (of_a + of_b) ** 2 / (of_a**2 / (a.shape[1] - 1) + of_b**2 / (b.shape[1] - 1))
    return b.mean(axis=1) - a.mean(axis=1), _student(freedom) * np.sqrt(of_a + of_b)


def _student(freedom: float | Logs) -> Logs:
    quantile: Logs = stdtrit(freedom, (1 + LEVEL) / 2)
    return quantile


def rates(design: Callable[[Logs, Logs], tuple[Logs, Logs]], nodes: int, repetitions: int, seed: int = 1) -> Rates:
    """Return the rates of a design, over simulated sweeps."""
    generator = np.random.default_rng(seed)
    estimate, width = design(*measure(generator, repetitions, nodes, 0.0))
    false_alarms = float(np.mean(abs(estimate) > width))
    estimate, width = design(*measure(generator, repetitions, nodes, CHANGE))
    return Rates(false_alarms, float(np.mean(estimate > width)), float(np.median(width)))


def main() -> int:
    """Print a table of rates, and say whether blocks keep their promise."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repetitions", type=int, default=20_000, help="simulated sweeps per row (default: 20000)")
    given = arguments.parse_args()
    print(f"nodes differ by {NODE_SD:.0%}, true change {CHANGE:.0%}, {PROCESSES} processes per node and side")
    print("| design | nodes | false alarms | change found | half width |\n|---|---:|---:|---:|---:|")
    kept = True
    for name, design in DESIGNS.items():
        for nodes in (4, 6, 12):
            found = rates(design, nodes, given.repetitions)
            row = f"{found.false_alarms:.1%} | {found.found:.1%} | ±{found.half_width:.2%}"
            print(f"| {name} | {nodes} | {row} |")
            if design is blocks:
                error = 3 * np.sqrt(LEVEL * (1 - LEVEL) / given.repetitions)
                kept &= found.false_alarms <= 1 - LEVEL + error
                kept &= nodes < 6 or found.found >= LEAST_POWER_OF_6
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
