"""Does sharing a sweep out in whole blocks find a change that differences between machines would hide, or feign?

A simulation with known truth, judged by the functions that ``compare`` uses. Each node has its own speed; A and B are
measured in several processes. *blocks*: every node measures both, as ``run --on`` does. *split*: half of the nodes
measure A, half B, as ``compare --across-machines`` takes it. *split, processes counted*: the same data, but each
process counts as independent of the others on its node, which is what a table of all results invites to.

Run as ``python -m bench.sweep_blocks``; exits with 1 if blocks give false alarms beyond their level, or miss the
change.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.comparison import Contest, compare_all
from inference_bench.analysis.comparison_result import Comparison, Verdict
from inference_bench.analysis.observations import Observations, Side
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.plan import Case
from inference_bench.spec import Setup

CHANGE = 0.02
NODE_SD, INTERACTION_SD, PROCESS_SD = 0.10, 0.005, 0.01
"""Standard deviations of logarithms: of nodes; of how differently nodes take the change; of processes on one node."""
PROCESSES = 8
LEAST_POWER_OF_6 = 0.95
_CASE = Case("simulated", "inference_speed", Setup())
Logs = NDArray[np.float64]
"""Logarithms of times, seconds: node × process."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a comparison claims a change.

    Attributes:
        false_alarms: without a change, in either direction.
        found: with the change, in its direction, whether or not its size is open.
        half_width: median half width of the interval; None without intervals.
    """

    false_alarms: float
    found: float
    half_width: float | None


def measure(generator: np.random.Generator, nodes: int, change: float) -> tuple[Logs, Logs]:
    """Return what all nodes would measure of A and of B."""
    node = generator.normal(0, NODE_SD, (nodes, 1))
    takes = math.log1p(change) + generator.normal(0, INTERACTION_SD, (nodes, 1))
    noise = generator.normal(0, PROCESS_SD, (2, nodes, PROCESSES))
    return node + noise[0], node + takes + noise[1]


def blocks(a: Logs, b: Logs) -> Contest:
    """Return the comparison of a sweep in which every node measures both."""
    return Contest(_side("A", a, range(len(a))), _side("B", b, range(len(b))))


def split(a: Logs, b: Logs) -> Contest:
    """Return the comparison of a sweep in which the first half of the nodes measures A, the second half B."""
    half, nodes = len(a) // 2, range(len(a))
    return Contest(_side("A", a, nodes[:half]), _side("B", b, nodes[half:]), across_machines=True)


def split_by_processes(a: Logs, b: Logs) -> Contest:
    """Return the same, as if processes on one node were independent."""
    half, nodes = len(a) // 2, range(len(a))
    return Contest(_side("A", a, nodes[:half], is_one=True), _side("B", b, nodes[half:], is_one=True))


DESIGNS: Mapping[str, Callable[[Logs, Logs], Contest]] = {
    "blocks": blocks,
    "split": split,
    "split, processes counted": split_by_processes,
}


def _side(name: str, logs: Logs, nodes: Sequence[int], *, is_one: bool = False) -> Side:
    """Return what some nodes measured; ``is_one`` takes them for one machine."""
    observed: dict[str, dict[tuple[str, int], float]] = {}
    for node in nodes:
        times = {(str(node), number): math.exp(log) * 1e9 for number, log in enumerate(logs[node])}
        observed.setdefault("" if is_one else f"n{node}", {}).update(times)
    return Side(name, tuple(Observations(_CASE, "ttft", "", values, machine=of) for of, values in observed.items()))


def rates(design: Callable[[Logs, Logs], Contest], nodes: int, repetitions: int, seed: int = 1) -> Rates:
    """Return the rates of a design, over simulated sweeps."""
    generator = np.random.default_rng(seed)

    def row(change: float) -> Comparison:
        (found,) = compare_all([design(*measure(generator, nodes, change))])
        return found.rows[0]

    unchanged, changed = ([row(change) for _ in range(repetitions)] for change in (0.0, CHANGE))
    widths = [(of.high - of.low) / 2 for of in changed if of.low is not None and of.high is not None]
    return Rates(
        false_alarms=sum(of.verdict.direction is not None for of in unchanged) / repetitions,
        found=sum(of.verdict.direction is Verdict.WORSE for of in changed) / repetitions,
        half_width=median(widths) if widths else None,
    )


def main() -> int:
    """Print a table of rates, and say whether blocks keep their promise."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repetitions", type=int, default=4000, help="simulated sweeps per row (default: 4000)")
    given = arguments.parse_args()
    print(f"nodes differ by {NODE_SD:.0%}, true change {CHANGE:.0%}, {PROCESSES} processes per node and side")
    print("| design | nodes | false alarms | change found | half width |\n|---|---:|---:|---:|---:|")
    kept = True
    for name, design in DESIGNS.items():
        for nodes in (4, 6, 12):
            found = rates(design, nodes, given.repetitions)
            width = "–" if found.half_width is None else f"±{found.half_width:.2%}"
            print(f"| {name} | {nodes} | {found.false_alarms:.1%} | {found.found:.1%} | {width} |", flush=True)
            kept &= design is not blocks or _is_kept(found, nodes, given.repetitions)
    return 0 if kept else 1


def _is_kept(found: Rates, nodes: int, repetitions: int) -> bool:
    error = 3 * math.sqrt(LEVEL * (1 - LEVEL) / repetitions)
    return found.false_alarms <= 1 - LEVEL + error and (nodes < 6 or found.found >= LEAST_POWER_OF_6)


if __name__ == "__main__":
    sys.exit(main())
