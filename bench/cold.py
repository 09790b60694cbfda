"""What operations cost when they are met once, between real work, as a program meets them; not in a hot loop."""

from __future__ import annotations

import statistics
from time import perf_counter_ns
from typing import Any

import numpy as np

from bench.interleave import Cost
from inference_bench import _native

PREFIX = "cold: "

_STATEMENTS = {
    "perf_counter_ns pair": "t = p(); t = p() - t",
    "begin / end": "s.begin(); s.end()",
    "with span:": "with s: pass",
    "no-op context manager in C": "with noop: pass",
    "histogram.observe(x)": "h.observe(0.0123)",
    "nothing": "pass",
}


def time_cold(times: int) -> dict[str, Cost]:
    """Time each statement once between pieces of real work, which evict it from every cache.

    The work is a pass over 1 MB and forty calls into functions that rotate among four hundred.
    """
    names: dict[str, Any] = {
        "p": perf_counter_ns,
        "s": _native.span("decode"),
        "noop": _native._NoopContext(),
        "h": _native.Histogram(),
        "a": _native.ticks_begin,
        "b": _native.ticks_end,
    }
    statements = {}
    for name, statement in _STATEMENTS.items():
        scope = dict(names)
        arguments = ", ".join(f"{key}={key}" for key in names)
        exec(f"def once({arguments}):\n    t0 = a()\n    {statement}\n    return b() - t0\n", scope)
        statements[name] = scope["once"]
    functions = []
    for number in range(400):
        scope = {}
        exec(f"def work(x):\n    y = [x + {number}, x * {number}]\n    return sum(y) + len(str(x))\n", scope)
        functions.append(scope["work"])
    block = np.arange(131_072, dtype=np.float64)
    seen: dict[str, list[int]] = {name: [] for name in statements}
    turn = 0
    for _ in range(times):
        for name, once in statements.items():
            block += 1.0
            for work in functions[turn : turn + 40]:
                work(turn)
            turn = (turn + 40) % 400
            seen[name].append(once())
    ns_per_tick = 1e9 / float(_native.clock_describe()["frequency_hz"])
    costs = {}
    for name, ticks in seen.items():
        if name == "nothing":
            continue
        median = (statistics.median(ticks) - statistics.median(seen["nothing"])) * ns_per_tick
        # Met once, there is no best case to ask for: both figures are the median.
        costs[PREFIX + name] = Cost(median, median)
    return costs
