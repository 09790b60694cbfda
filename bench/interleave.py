"""Times small statements side by side in one process, so that whatever disturbs the machine disturbs all of them.

Each candidate is a statement in a loop of its own. The loops take turns, in an order that rotates from round to round;
an empty loop takes part like the others, and its time is subtracted. A candidate's figure is the minimum over all
rounds (the machine can only add time), with the median beside it.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOOP = "empty loop"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One statement to time.

    Attributes:
        name: row of the table.
        statement: Python source, run once per iteration.
        names: what the statement refers to; become local variables of its loop.
        after: called after each chunk, outside of the timing (empties a recorder).
        divisor: operations in one statement.
        calls: iterations in a chunk, for statements so slow that the common number would take too long.
        asynchronous: whether the statement awaits; it must never really suspend.
    """

    name: str
    statement: str
    names: Mapping[str, Any] = field(default_factory=dict)
    after: Callable[[], object] | None = None
    divisor: int = 1
    calls: int | None = None
    asynchronous: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """Nanoseconds per operation above the empty loop."""

    minimum: float
    median: float


def _chunk(candidate: Candidate) -> Callable[[int], int]:
    """Compile a loop around the statement that returns the nanoseconds it took."""
    parameters = "".join(f", {name}={name}" for name in candidate.names)
    source = (
        f"{'async ' if candidate.asynchronous else ''}def chunk(n, clock=clock{parameters}):\n"
        f"    began = clock()\n"
        f"    for _ in range(n):\n"
        f"        {candidate.statement}\n"
        f"    return clock() - began\n"
    )
    namespace: dict[str, Any] = {"clock": time.perf_counter_ns, **candidate.names}
    exec(source, namespace)
    chunk: Callable[[int], int] = namespace["chunk"]
    return _driven(chunk) if candidate.asynchronous else chunk


def _driven(chunk: Callable[[int], Any]) -> Callable[[int], int]:
    """Drive a coroutine function that never suspends, without an event loop whose own cost would have to be known."""

    def run(n: int) -> int:
        try:
            chunk(n).send(None)
        except StopIteration as stop:
            took: int = stop.value
            return took
        raise RuntimeError("the statement suspended")

    return run


def time_interleaved(candidates: Sequence[Candidate], *, rounds: int = 60, calls: int = 2000) -> dict[str, Cost]:
    """Time all candidates in this process.

    Args:
        candidates: what to time.
        rounds: chunks per candidate.
        calls: iterations in a chunk.
    """
    everyone = [Candidate(LOOP, "pass"), *candidates]
    chunks = {candidate.name: _chunk(candidate) for candidate in everyone}
    seen: dict[str, list[float]] = {candidate.name: [] for candidate in everyone}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds + 3):
            turn = number % len(everyone)
            for candidate in everyone[turn:] + everyone[:turn]:
                count = candidate.calls or calls
                took = chunks[candidate.name](count) / count
                if candidate.after is not None:
                    candidate.after()
                if number >= 3:  # the first rounds warm caches and specialise the bytecode
                    seen[candidate.name].append(took)
    finally:
        gc.enable()
    loop_minimum, loop_median = min(seen[LOOP]), statistics.median(seen[LOOP])
    return {
        candidate.name: Cost(
            (min(seen[candidate.name]) - loop_minimum) / candidate.divisor,
            (statistics.median(seen[candidate.name]) - loop_median) / candidate.divisor,
        )
        for candidate in candidates
    }


def in_fresh_processes(module: str, processes: int, arguments: Sequence[str] = ()) -> list[dict[str, Cost]]:
    """Run ``python -m module --child`` several times; each prints its costs as one JSON line."""
    found = []
    for _ in range(processes):
        command = [sys.executable, "-m", module, "--child", *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        plain = json.loads(done.stdout.splitlines()[-1])
        found.append({name: Cost(**cost) for name, cost in plain.items()})
    return found


def best_ratio(processes: Sequence[Mapping[str, Cost]], name: str, over: str) -> float:
    """Return the smallest ratio of two minima that any process saw."""
    return min(costs[name].minimum / costs[over].minimum for costs in processes)
