"""What does it cost to have a share of a sweep carried out by a placement, beyond a run started here?

One case of the null model, started in turns as a plain ``run``, and as a share by each placement: ``local``, and
``ray`` on a cluster of one raylet on this machine, where Ray is installed. *begins*: from the request until the first
worker process of the run begins, by one clock. *ends*: until the result is at hand. A placement is opened once for all
shares of a sweep; what that takes is a row of its own. Differences are taken turn by turn.

Run as ``python -m bench.placement_cost``; exits with 1 if a share costs more than 2 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from inference_bench._native import now_ns
from inference_bench.analysis.estimates import median_estimate
from inference_bench.orchestration.placement.placement import Placement, open_placement
from inference_bench.orchestration.placement.share import ShareRequest
from inference_bench.orchestration.sweep import new_sweep
from inference_bench.results.run import load_run
from inference_bench.results.serialization import plain
from inference_bench.results.sweep_file import write_sweep
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S

MOST_S = 2.0
_LIMITS = Limits(min_samples=5, budget_ns=50_000_000)
_SPEC = Spec(("null",), ("inference_speed",), axes={"input_length": (8,), "new_tokens": (4,)}, limits=_LIMITS)
_WORDS = ("--model", "null", "--benchmark", "inference_speed", "--input-lengths", "8", "--new-tokens", "4")
_EFFORT = ("--runs", "1", "--threads", "1", "--min-samples", "5", "--budget", "0.05", "--quiet")
PLAIN = "run"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds from the request for a share.

    Attributes:
        begins_s: until its first worker process begins.
        ends_s: until its result is at hand.
    """

    begins_s: float
    ends_s: float


def plain_run(folder: Path) -> Cost:
    """Measure the case by the command ``run``."""
    began_ns = now_ns()
    command = [sys.executable, "-m", "inference_bench", "run", *_WORDS, *_EFFORT, "--output", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return _cost(began_ns, str(folder))


async def by_placement(placement: Placement, node: str, folder: Path) -> Cost:
    """Measure the case as a share on a node.

    Raises:
        RuntimeError: the share did not end well.
    """
    folder.mkdir()
    write_sweep(folder, new_sweep(folder.name, placement.name, (), seed=0, copies=1))
    began_ns, run, events = now_ns(), "", []
    request = ShareRequest(plain(_SPEC), str(folder), scratch=folder.name)
    async with aclosing(placement.carry_out(json.dumps(plain(request)), node)) as lines:
        async for line in lines:
            events.append(json.loads(line))
            run = events[-1].get("run", run) if events[-1]["event"] == "ended" else run
    if not run:
        raise RuntimeError(f"the share did not end: {events}")
    return _cost(began_ns, run)


def _cost(began_ns: int, place: str) -> Cost:
    """Return what a run has cost that has just ended."""
    ended_ns = now_ns()
    (result,) = load_run(place).results
    first_ns = min(step["begin_ns"] for worker in result.workers for step in worker["load_steps"])
    return Cost((first_ns - began_ns) / NS_PER_S, (ended_ns - began_ns) / NS_PER_S)


@contextmanager
def cluster() -> Iterator[None]:
    """Run a Ray cluster of one raylet, and name it as the default one."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DASHBOARD_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    nodes.add_node(num_cpus=1, resources={"inference_bench": 1}, object_store_memory=80_000_000)
    os.environ["RAY_ADDRESS"] = nodes.address
    try:
        yield
    finally:
        nodes.shutdown()


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[tuple[Placement, str, float]]:
    """Open a placement; yield it, its node, and how long that took."""
    placement, began_ns = open_placement(name), now_ns()
    try:
        (node,) = await placement.open(1)
        yield placement, node, (now_ns() - began_ns) / NS_PER_S
    finally:
        await placement.close()


async def in_turns(turns: int, *, with_ray: bool, root: Path) -> tuple[Mapping[str, list[Cost]], Mapping[str, float]]:
    """Return the costs of each way, turn by turn, and what opening each placement took."""
    found: dict[str, list[Cost]] = {}
    async with opened("local") as local:
        others = {"local": local}
        if not with_ray:
            await _turns(turns, others, root, found)
            return found, {name: took_s for name, (_, _, took_s) in others.items()}
        async with opened("ray") as ray:
            others["ray"] = ray
            await _turns(turns, others, root, found)
            return found, {name: took_s for name, (_, _, took_s) in others.items()}


async def _turns(
    turns: int, placements: Mapping[str, tuple[Placement, str, float]], root: Path, found: dict[str, list[Cost]]
) -> None:
    for turn in range(turns + 1):
        costs = {PLAIN: await asyncio.to_thread(plain_run, root / f"{PLAIN}-{turn}")}
        for name, (placement, node, _) in placements.items():
            costs[name] = await by_placement(placement, node, root / f"{name}-{turn}")
        for name, cost in costs.items() if turn else ():  # the first turn reads the files of all from the disk
            found.setdefault(name, []).append(cost)
        time.sleep(0.2)


def lines(found: Mapping[str, Sequence[Cost]]) -> Iterator[str]:
    """Yield the rows of the table."""
    for name, costs in found.items():
        begins, ends = ([getattr(cost, what) for cost in costs] for what in ("begins_s", "ends_s"))
        extra = "" if name == PLAIN else _figure(_beyond(found, name))
        yield f"| {name} | {_figure(begins)} | {_figure(ends)} | {extra} |"


def _beyond(found: Mapping[str, Sequence[Cost]], name: str) -> list[float]:
    """Return how much later a share ends than a plain run, turn by turn."""
    return [mine.ends_s - plain.ends_s for mine, plain in zip(found[name], found[PLAIN], strict=True)]


def _figure(values: Sequence[float]) -> str:
    found = median_estimate(np.array(values))
    interval = "" if found.low is None or found.high is None else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.value:.2f}{interval}"


def main() -> int:
    """Print the table, and say whether a share costs little enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9, help="turns (default: 9)")
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory(prefix="placement_cost_") as root:
        if find_spec("ray"):
            with cluster():
                found, opening = asyncio.run(in_turns(turns, with_ray=True, root=Path(root)))
        else:
            print("ray is not installed: its rows are missing")
            found, opening = asyncio.run(in_turns(turns, with_ray=False, root=Path(root)))
    print("| started by | begins, s | ends, s | beyond run, s |\n|---|---:|---:|---:|")
    print("\n".join(lines(found)))
    for name, took_s in opening.items():
        print(f"opening {name}, once per sweep: {took_s:.2f} s")
    return 0 if all(np.median(_beyond(found, name)) <= MOST_S for name in opening) else 1


if __name__ == "__main__":
    sys.exit(main())
