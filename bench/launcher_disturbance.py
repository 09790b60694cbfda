"""Does Ray disturb the shares that it places? The same sweep without any process of Ray and on a node of Ray, in turns.

Each turn measures the null model and a small random network, with one thread and with as many as there are CPUs:
``run --on local`` on a machine without Ray, or ``run --on ray`` on a head node that was started here for it, with all
of its daemons. Four turns make a block, A B B A or B A A B, drawn by the seed: a drift of the machine moves both sides
alike, and Ray starts seldom. A block has two pairs, and two plain turns whose difference is the A/A comparison.

The first table has the ratios of the medians, with intervals of 95 % over the pairs; the second what else ran during
the timed windows. Exits with 1 if a time is longer on Ray, for certain and by more than plain turns differ.

Run as ``python -m bench.launcher_disturbance [--write]`` on a machine with nothing else to do, by a Python that has
Ray (``pip install 'ray>=2.40'``); about five minutes. With ``--write`` the tables go into ``bench/README.md``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from inference_bench.analysis.disturbance import Disturbance, disturbance_of
from inference_bench.analysis.estimates import run_medians_estimate
from inference_bench.cli._run_options import DEFAULT_MODEL
from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.process_tree import ProcessTree
from inference_bench.machine.processes import processes
from inference_bench.metrics import title_of
from inference_bench.orchestration.placements.ray import RESOURCE
from inference_bench.result import Estimate
from inference_bench.results.sweep_figures import SweepFigures, read_figures
from inference_bench.units import format_ns

CPUS = available_cpus()
PLAIN, ON_RAY = "local", "ray"
BLOCKS = ((PLAIN, ON_RAY, ON_RAY, PLAIN), (ON_RAY, PLAIN, PLAIN, ON_RAY))
PLAN = (
    *("--model", f"null,{DEFAULT_MODEL}", "--weights", "random", "--scale", "reduced"),
    *("--benchmark", "inference_speed", "--threads", f"1,{CPUS}", "--input-lengths", "32", "--new-tokens", "16"),
    # A precision that is out of reach: every window is as long as the budget.
    *("--runs", "1", "--precision", "0.00001", "--overlap", "off"),
)
TIMED = ("itl", "e2e")
SETTLE_S = 4.0
"""Ray starts a worker for each CPU when it starts, and its agents import for some seconds."""
_DAEMONS = {"raylet", "gcs_server"}
_START_S, _END_S = 60, 10
_BEGIN, _END = "<!-- launcher: begin -->", "<!-- launcher: end -->"

Row = tuple[str, int, str]
"""Model, threads and metric."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One sweep.

    Attributes:
        times: median of each row, nanoseconds.
        beside: threads → what else ran meanwhile.
    """

    times: dict[Row, float]
    beside: dict[int, Disturbance]


@dataclass(frozen=True, slots=True)
class Turns:
    """All turns of one side, two per block; turn ``k`` of one side is the partner of turn ``k`` of the other."""

    plain: list[Turn]
    on_ray: list[Turn]


def main() -> int:
    """Take the turns, print the tables, and return 1 if Ray makes a time longer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=4, help="blocks of four turns (default: 4, which is 8 pairs)")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds to time each case (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the order (default: 0)")
    parser.add_argument("--write", action="store_true", help="write the tables into bench/README.md")
    given = parser.parse_args()
    if find_spec("ray") is None:
        print(f"nothing to place on: this Python has no Ray ({sys.executable} -m pip install 'ray>=2.40')")
        return 0
    if running := _pids_of_ray():
        print(f"error: Ray runs here already (pid {running[0]}), expected none: end it first.", file=sys.stderr)
        return 2
    with TemporaryDirectory() as folder:
        turns = take_turns(given.blocks, given.budget, given.seed, Path(folder))
    table = "\n".join([*_times(turns), "", *_beside(turns)])
    print(table)
    if given.write:
        _write(table)
    return int(any(_is_longer(turns, row) for row in turns.plain[0].times))


def take_turns(blocks: int, budget_s: float, seed: int, folder: Path) -> Turns:
    """Measure, in turns."""
    generator, turns = random.Random(seed), Turns([], [])
    began, address = time.monotonic(), ""
    with ExitStack() as node:
        for side in (side for _ in range(blocks) for side in generator.choice(BLOCKS)):
            if side == ON_RAY and not address:
                address = node.enter_context(_ray_node(folder))
            elif side == PLAIN and address:
                node.close()
                address = ""
            of_side = turns.on_ray if side == ON_RAY else turns.plain
            of_side.append(_turn(side, address, budget_s, folder / f"{side}{len(of_side)}"))
            print(f"{time.monotonic() - began:4.0f} s: {side}", file=sys.stderr, flush=True)
    return turns


def _turn(side: str, address: str, budget_s: float, folder: Path) -> Turn:
    """Carry the sweep out."""
    where = ("--on", side, "--no-calibration")
    command = [sys.executable, "-m", "inference_bench", "run", *where, *PLAN, "--budget", f"{budget_s:g}"]
    environment = {**os.environ, "RAY_ADDRESS": address} if address else None
    done = subprocess.run(
        [*command, "--quiet", "--output", str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"error: a turn on {side} ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    (sweep,) = folder.iterdir()
    return _read(read_figures(sweep, sys.exit))


def _read(found: SweepFigures) -> Turn:
    times = {
        (row.case.model, row.case.setup.threads, row.metric): value
        for row in found.rows
        for value in row.values.values()
        if row.metric in TIMED
    }
    results = [result for runs in found.runs.values() for run in runs for result in run.results]
    by_threads: dict[int, list[Mapping[str, object]]] = {}
    for result in results:
        by_threads.setdefault(result.case.setup.threads, []).extend(result.workers)
    return Turn(times, {threads: disturbance_of(workers) for threads, workers in sorted(by_threads.items())})


@contextmanager
def _ray_node(folder: Path) -> Iterator[str]:
    """Start a head node with all of its daemons, as a user does; yield its address, and kill it in the end."""
    port, client_port, dashboard_port = _free_ports(3)
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--disable-usage-stats"]
    where = ["--node-ip-address", "127.0.0.1", "--port", port, "--temp-dir", str(folder / "ray")]
    ports = ["--ray-client-server-port", client_port, "--dashboard-port", dashboard_port]
    resources = ["--resources", json.dumps({RESOURCE: 1})]
    tree, log = ProcessTree(), folder / "ray_start.log"
    tree.begin()
    with log.open("w") as said:
        environment = tree.environment(os.environ)
        whole = [*command, *where, *ports, *resources]
        process = subprocess.Popen(whole, env=environment, stdout=said, stderr=said, process_group=0)
    try:
        tree.begin(process.pid)
        if process.wait(_START_S):
            raise SystemExit(f"error: `ray start` ended with {process.returncode}: {log.read_text()[-500:]}")
        time.sleep(SETTLE_S)
        yield f"127.0.0.1:{port}"
    finally:
        tree.end(process.pid)
        _wait_for_end()


def _wait_for_end() -> None:
    """Wait until no daemon of Ray is listed any more: one that was killed stays so until its parent has seen it."""
    deadline = time.monotonic() + _END_S
    while pids := _pids_of_ray():
        if time.monotonic() > deadline:
            raise SystemExit(f"error: Ray was killed and still runs (pid {pids[0]}): end it, and run this again.")
        time.sleep(0.1)


def _free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [str(each.getsockname()[1]) for each in sockets]


def _pids_of_ray() -> list[int]:
    return [pid for pid, process in processes().items() if process.name in _DAEMONS]


def _times(turns: Turns) -> Iterator[str]:
    """Yield the rows of the table of ratios."""
    yield "| model | threads | metric | without Ray | on Ray / without | plain turns differ by |"
    yield "|---|---:|---|---:|---:|---:|"
    for row in sorted(turns.plain[0].times):
        model, threads, metric = row
        figure = format_ns(median(turn.times[row] for turn in turns.plain))
        ratio = _with_interval(_ratio(turns, row), "{:.4f}")
        yield f"| {model} | {threads} | {title_of(metric)} | {figure} | {ratio} | {_noise(turns, row):.2%} |"


def _ratio(turns: Turns, row: Row) -> Estimate:
    pairs = zip(turns.plain, turns.on_ray, strict=True)
    return run_medians_estimate(np.array([on_ray.times[row] / plain.times[row] for plain, on_ray in pairs]))


def _noise(turns: Turns, row: Row) -> float:
    """Return by how much the two plain turns of a block typically differ, as a fraction."""
    pairs = zip(turns.plain[::2], turns.plain[1::2], strict=True)
    return math.expm1(median(abs(math.log(second.times[row] / first.times[row])) for first, second in pairs))


def _is_longer(turns: Turns, row: Row) -> bool:
    low = _ratio(turns, row).low
    return low is not None and low > 1 + _noise(turns, row)


_FIGURES: dict[str, tuple[str, Callable[[Disturbance], float | None]]] = {
    "CPUs that all others used": ("{:.4f}", lambda beside: beside.others_cpus),
    "CPUs that the launcher used": ("{:.4f}", lambda beside: beside.launcher_cpus),
    "involuntary switches a second": ("{:.2f}", lambda beside: beside.switches),
    "CPU pressure, %": ("{:.2f}", lambda beside: None if beside.pressure is None else 100 * beside.pressure),
}


def _beside(turns: Turns) -> Iterator[str]:
    """Yield the rows of the table of what else ran, and what ran most of the launcher."""
    yield "| threads | during timed windows | without Ray | on Ray | difference |"
    yield "|---:|---|---:|---:|---:|"
    for threads in turns.plain[0].beside:
        for name, (form, figure) in _FIGURES.items():
            plain = [figure(turn.beside[threads]) for turn in turns.plain]
            on_ray = [figure(turn.beside[threads]) for turn in turns.on_ray]
            known = [(a, b) for a, b in zip(plain, on_ray, strict=True) if a is not None and b is not None]
            if not known:
                continue
            medians = [form.format(median(side)) for side in zip(*known, strict=True)]
            difference = run_medians_estimate(np.array([b - a for a, b in known]))
            yield f"| {threads} | {name} | {' | '.join(medians)} | {_with_interval(difference, form)} |"
    yield ""
    yield f"Of the launcher on Ray, in CPUs: {_names([turn.beside[CPUS] for turn in turns.on_ray])}."


def _names(beside: Sequence[Disturbance]) -> str:
    """Return the launcher's commands with the CPUs that each used, on average over turns."""
    names = {name for each in beside for name in each.launcher}
    used = {name: sum(each.launcher.get(name, 0.0) for each in beside) / len(beside) for name in names}
    return ", ".join(f"`{name}` {cpus:.4f}" for name, cpus in sorted(used.items(), key=lambda item: -item[1]))


def _with_interval(estimate: Estimate, form: str) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "–" if estimate.value is None else form.format(estimate.value)
    return f"{form.format(estimate.value)} [{form.format(estimate.low)}, {form.format(estimate.high)}]"


def _write(table: str) -> None:
    path = Path(__file__).parent / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    path.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
