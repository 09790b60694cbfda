"""The process that times a snippet of Python: reads one JSON request from standard input, writes one JSON reply.

It imports the native core and nothing else of weight, so that the snippet runs in an interpreter like a plain one.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from itertools import repeat
from typing import TYPE_CHECKING, Any

from inference_bench._native import now_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SAMPLE_NS = 50_000
"""Short executions are repeated until a sample takes this long: two readings of the clock are then below 1 %."""
_FLOOR_NS = 2_000_000
_WARM_UP = 2
_MOST = 100_000

_TEMPLATE = """
def _inference_bench_run(_inference_bench_samples, _inference_bench_tick):
    SETUP
    for _inference_bench_sample in _inference_bench_samples:
        _inference_bench_tick()
        for _inference_bench_number in _inference_bench_sample:
            CODE
        _inference_bench_tick()
"""


class Ticks:
    """The samples of one snippet, each a number of executions between two ticks.

    Args:
        number: executions per sample; None to find one.
        budget_ns: how long to take samples.
    """

    def __init__(self, number: int | None, budget_ns: int) -> None:
        self.number = number or 1
        self.cold_ns = 0
        self.samples_ns: list[float] = []
        self._is_found = number is not None
        self._budget_ns = budget_ns
        self._began_ns = 0
        self._last_ns = 0

    def tick(self) -> None:
        """Keep the time since the last tick."""
        now = now_ns()
        self._last_ns, self._began_ns = now - self._began_ns, now

    def samples(self) -> Iterator[Iterator[None]]:
        """Yield what the snippet is executed over: once for the first execution, then for each sample."""
        yield repeat(None, 1)
        self.cold_ns = self._last_ns
        while not self._is_found:
            yield repeat(None, self.number)
            self._is_found = self._last_ns >= _SAMPLE_NS or self.number >= _MOST
            if not self._is_found:
                self.number *= max(2, min(10, _SAMPLE_NS // max(1, self._last_ns)))
        for _ in range(_WARM_UP if self.cold_ns < self._budget_ns else 0):
            yield repeat(None, self.number)
        end_ns = now_ns() + self._budget_ns
        while not self.samples_ns or (now_ns() < end_ns and len(self.samples_ns) < _MOST):
            yield repeat(None, self.number)
            self.samples_ns.append(self._last_ns / self.number)


def compiled(setup: str, code: str) -> Callable[..., None]:
    """Return a function that runs the set-up once, then the code over each sample; both share its local variables.

    Raises:
        SyntaxError: one of them is no Python, or cannot stand in a function; ``filename`` names it.
    """
    bodies = {"SETUP": _body(setup, "set-up"), "CODE": _body(code, "code")}
    tree = _Filled(bodies).visit(ast.parse(_TEMPLATE))
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(ast.fix_missing_locations(tree), "code", "exec"), names)
    run: Callable[..., None] = names["_inference_bench_run"]
    return run


def _body(source: str, where: str) -> list[ast.stmt]:
    compile(source, where, "exec")  # alone: a `break` or `return` would end our loop
    return ast.parse(source, where).body or [ast.Pass()]


class _Filled(ast.NodeTransformer):
    """Puts statements in the place of names."""

    def __init__(self, bodies: dict[str, list[ast.stmt]]) -> None:
        self._bodies = bodies

    def visit_Expr(self, node: ast.Expr) -> Any:
        return self._bodies.get(node.value.id, node) if isinstance(node.value, ast.Name) else node


def timed(request: dict[str, Any]) -> dict[str, Any]:
    """Return the samples of a snippet, or what went wrong."""
    try:
        run = compiled(request["setup"], request["code"])
        ticks = Ticks(request["number"], request["budget_ns"])
        run(ticks.samples(), ticks.tick)
    except BaseException as error:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return {"error": " ".join(text.split())}
    floor = Ticks(max(ticks.number, 100), _FLOOR_NS)
    compiled("", "")(floor.samples(), floor.tick)
    return {
        "samples_ns": ticks.samples_ns,
        "cold_ns": ticks.cold_ns,
        "executions": ticks.number,
        "floor_ns": min(floor.samples_ns),
    }


def main() -> None:
    """Serve one request; what the snippet prints goes to standard error."""
    request = json.loads(sys.stdin.readline())
    with os.fdopen(os.dup(1), "w") as reply:
        os.dup2(2, 1)
        sys.path.insert(0, os.curdir)
        json.dump(timed(request), reply)


if __name__ == "__main__":
    main()
