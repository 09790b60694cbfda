"""How long does a plan of 10,000 cases take to make, and the dataset of its results to open?

Whole commands in fresh processes, in turns; medians. *plan*: ``run --dry-run`` of real models, and of it the making of
the plan and of its shares. *open*: the summaries of all cases at hand, by ``load_runs`` and by ``query``. Once, for
comparison: the report of the whole sweep, and every raw sample. The dataset is synthetic in the real format
(``synthetic_sweep``): in a folder, and on an S3 server of moto's, in a process of its own on this machine.

Run as ``python -m bench.sweep_scale``; exits with 1 if the plan takes more than 2 s, or opening more than 3 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.synthetic_sweep import IDENTITY, SMALLEST, measured, object_server, spec_of, store_sweep, write_sweep_of
from inference_bench.results.storage import RUN, stored_place

PLAN_S, OPEN_S = 2.0, 3.0
_PYTHON = (sys.executable, "-c")
_COMMAND = (sys.executable, "-m", "inference_bench")
_MODELS = ("null", "smollm2_135m_instruct", "qwen3_0_6b", "qwen3_4b_instruct_2507")
_OF_EACH = 5
"""Set-ups of each model in the plan: its threads."""

_MAKE = """
import sys, time
from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.planning import prepare
from inference_bench.orchestration.sweep import share_records
from inference_bench.spec import Setup, Spec
models, threads, lengths = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3])
setups = tuple(Setup(threads=number) for number in range(1, threads + 1))
axes = {"input_length": tuple(range(1, lengths + 1)), "new_tokens": (4,)}
spec = Spec(tuple(models), ("inference_speed",), setups, axes)
began = time.perf_counter()
plan = prepare(spec).plan
share_records(shares_of(spec, 3))
print(time.perf_counter() - began, len(plan.cases))
"""
_OPEN = """
import sys
from inference_bench import load_runs
table = getattr(load_runs(sys.argv[1]), sys.argv[2])
print(len(set(table["case_id"].to_pylist())))
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is timed.

    Attributes:
        what: it is.
        command: that does it.
        target_s: the most that it may take; None if there is no target.
        says: whether the command prints its own seconds first.
        shows: what its output must contain.
    """

    what: str
    command: Sequence[str]
    target_s: float | None = None
    says: bool = False
    shows: str = ""


def plan_rows(cases: int) -> Iterator[Row]:
    """Yield what making a plan of real models consists of."""
    lengths = cases // (len(_MODELS) * _OF_EACH)
    threads, values = (",".join(map(str, range(1, most + 1))) for most in (_OF_EACH, lengths))
    words = ("--model", ",".join(_MODELS), "--benchmark", "inference_speed", "--threads", threads)
    dry = (*_COMMAND, "run", "--dry-run", *words, "--input-lengths", values, "--new-tokens", "4")
    yield Row("run --dry-run", dry, PLAN_S)
    making = (*_PYTHON, _MAKE, ",".join(_MODELS), str(_OF_EACH), str(lengths))
    yield Row("of it: plan and shares", making, PLAN_S, says=True)


def open_rows(place: str, where: str, cases: int) -> Iterator[Row]:
    """Yield the ways of opening a dataset."""
    count = "SELECT count(DISTINCT case_id) FROM summaries"
    yield Row(f"load_runs(…).summaries, {where}", (*_PYTHON, _OPEN, place, "summaries"), OPEN_S, shows=str(cases))
    yield Row(f"query over summaries, {where}", (*_COMMAND, "query", count, place), OPEN_S, shows=str(cases))


def slow_rows(place: str, where: str, cases: int) -> Iterator[Row]:
    """Yield what reads every result or every sample."""
    yield Row(f"report of the sweep, {where}", (*_COMMAND, "report", place), shows="Sweep ")
    yield Row(f"load_runs(…).samples, {where}", (*_PYTHON, _OPEN, place, "samples"), shows=str(cases))


def seconds(row: Row) -> float:
    """Carry out a command and return how long it took.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    done = subprocess.run(row.command, capture_output=True, text=True, check=False)
    took_s = time.perf_counter() - began
    if done.returncode or row.shows not in done.stdout:
        raise RuntimeError(f"{row.what}: {(done.stderr or done.stdout).strip()[-500:]}")
    return float(done.stdout.split()[0]) if row.says else took_s


def table(rows: Sequence[Row], turns: int) -> tuple[list[str], bool]:
    """Time rows in turns; return the lines of a table and whether all targets were met."""
    found: Mapping[str, list[float]] = {row.what: [] for row in rows}
    for _ in range(turns):
        for row in rows:
            found[row.what].append(seconds(row))
    lines, met = [], True
    for row in rows:
        median_s, most_s = statistics.median(found[row.what]), max(found[row.what])
        target = "" if row.target_s is None else f"{row.target_s:g}"
        lines.append(f"| {row.what} | {median_s:.2f} | {most_s:.2f} | {target} |")
        met &= row.target_s is None or median_s <= row.target_s
    return lines, met


def main() -> int:
    """Print the table, and say whether the targets were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="cases of the plan and of the dataset")
    parser.add_argument("--turns", type=int, default=3, help="turns (default: 3)")
    parser.add_argument("--no-store", action="store_true", help="leave the S3 server out")
    given = parser.parse_args()
    cases = max(given.cases // SMALLEST, 1) * SMALLEST
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "COLUMNS": "200"}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sweep_scale_")))
        folder, began = root / "runs" / IDENTITY, time.perf_counter()
        record = write_sweep_of(spec_of(cases), folder, measured(root / "measured"))
        took_s = time.perf_counter() - began
        print(f"{cases:,} cases in {len(record.shares)} shares; writing took {took_s:.0f} s", flush=True)
        rows = [*plan_rows(cases), *open_rows(str(folder), "a folder", cases)]
        once = list(slow_rows(str(folder), "a folder", cases))
        if not given.no_store:
            query, began = stack.enter_context(object_server()), time.perf_counter()
            place = stored_place(f"s3://runs/team/{RUN}{IDENTITY}{query}")
            store_sweep(record, place)
            print(f"storing took {time.perf_counter() - began:.0f} s", flush=True)
            rows += open_rows(str(place), "S3", cases)
            once += slow_rows(str(place), "S3", cases)
        lines, met = table(rows, given.turns)
        print("| what | median, s | maximum, s | target, s |\n|---|---:|---:|---:|")
        print("\n".join([*lines, *table(once, 1)[0]]))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
