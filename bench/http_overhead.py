"""What does serving a model over HTTP add to its inference speed, and where does that time go?

``python -m bench.http_overhead`` runs the example server on one CPU. On another it measures ``inference_speed`` of the
same model in one run: in process, by bare steps and by the framework's ``generate``, and over HTTP. What lies between
is itemised by the stages that client and server recorded of each request. Exits with 1 if more than 5 % of the
difference of TTFT or of the whole request are in no item.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.endpoint.example import example_server, pinned
from bench.endpoint.overhead import Account, Speeds, accounts
from inference_bench.result import BenchmarkResult, Requests, Samples
from inference_bench.results.parquet_table import from_arrow
from inference_bench.results.run import Run
from inference_bench.runner import BenchmarkRunner
from inference_bench.spec import Limits, Setup
from inference_bench.units import NS_PER_MS, NS_PER_S

MOST_UNEXPLAINED = 0.05
VIEWS = ("steps", "generate", "stream")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the accounts, and return the exit code."""
    given = _parsed(words)
    server, *others = sorted(os.sched_getaffinity(0))
    options = ("--model", given.model, "--weights", given.weights)
    with tempfile.TemporaryDirectory() as folder, example_server(*options, cpus={server}) as (_, address):
        with pinned(others or {server}):
            run = _measure(given, f"{address}/v1", Path(folder))
        found = list(accounts(_speeds(run, given.new_tokens)))
    for account in found:
        print("\n".join(_lines(account)), end="\n\n")
    missed = [each.figure for each in found if each.unexplained > MOST_UNEXPLAINED]
    print(f"in no item: more than {MOST_UNEXPLAINED:.0%} of {', '.join(missed)}" if missed else "all targets met")
    return int(bool(missed))


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2_135m_instruct", help="default: smollm2_135m_instruct")
    parser.add_argument("--weights", default="auto", help="as for `run` (default: auto)")
    parser.add_argument("--input-length", type=int, default=64, help="tokens of the prompt (default: 64)")
    parser.add_argument("--new-tokens", type=int, default=32, help="tokens of the answer, 2 or more (default: 32)")
    parser.add_argument("--runs", type=int, default=3, help="fresh processes per side (default: 3)")
    parser.add_argument("--budget", type=float, default=20, help="seconds of each process (default: 20)")
    return parser.parse_args(words)


def _measure(given: argparse.Namespace, url: str, folder: Path) -> Run:
    """Measure both sides in one run, each with one thread, as the server has on its CPU."""
    runner = BenchmarkRunner(
        [given.model, url],
        benchmarks=["inference_speed"],
        setups=[Setup(threads=1, weights=given.weights)],
        axes={"input_length": [given.input_length], "new_tokens": [given.new_tokens], "view": VIEWS},
        runs=given.runs,
        limits=Limits(budget_ns=int(given.budget * NS_PER_S)),
        output=folder,
    )
    return runner.run().run


def _speeds(run: Run, new_tokens: int) -> Speeds:
    by_view = {str(result.case.parameters["view"]): result for result in run.results if result.summaries}
    steps, generate, stream = (_measured(by_view, view) for view in VIEWS)
    return Speeds(
        from_arrow(run.table(steps, "samples"), Samples),
        from_arrow(run.table(generate, "samples"), Samples),
        from_arrow(run.table(stream, "requests"), Requests),
        new_tokens,
    )


def _measured(by_view: dict[str, BenchmarkResult], view: str) -> BenchmarkResult:
    if view not in by_view:
        raise SystemExit(f"error: inference_speed by {view} was not measured: expected a model that generates text.")
    return by_view[view]


def _lines(account: Account) -> Iterator[str]:
    """Yield the rows of a table, in milliseconds."""
    yield f"{account.figure:60} {'ms':>9}"
    yield _line("in process, by steps", account.in_process_ns)
    yield from (_line(f"+ {item.name}", item.ns) for item in account.items)
    yield f"{_line('+ residual', account.residual_ns)}   {account.unexplained:.1%} of the difference"
    yield f"{_line('over HTTP', account.over_http_ns)}   ×{account.over_http_ns / account.in_process_ns:.2f}"


def _line(name: str, ns: float) -> str:
    return f"  {name:58} {ns / NS_PER_MS:9.3f}"


if __name__ == "__main__":
    sys.exit(main())
