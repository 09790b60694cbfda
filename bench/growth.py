"""How long commands take as results grow: runs, cases and samples, ten times and a hundred times as many.

Run folders are written from one template: a small result with its summaries, samples and scores. Each row is one
command in a fresh process, at one size; *s* is its CPU time (user and system), *over the former* is that over the
previous size's, and a command whose time grows in proportion shows at most the ratio of the sizes.

Run as ``python -m bench.growth``; ``--quick`` prints a small table. Exits with 1 if a command takes longer than its
limit at the largest size, or grows much faster than its data.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from inference_bench.analysis.summaries import summarise_samples
from inference_bench.analysis.trust.case import judged
from inference_bench.plan import Case
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, Estimate, RunRecord, Samples, Status
from inference_bench.results.parquet_table import VERSION, encode, to_arrow
from inference_bench.results.results_document import entry, results_document
from inference_bench.results.run_folder import RECORD, RESULTS, files_of, table_file
from inference_bench.results.serialization import record_to_plain, to_json
from inference_bench.spec import Setup

TOO_FAST = 2.0
"""Growth of time over growth of data that is no longer proportion."""
_NOTICEABLE_S = 1.0
"""CPU seconds below which start-up and noise make most of a command's time."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a folder holds.

    Attributes:
        runs: folders.
        cases: of each run.
        samples: of each case.
    """

    runs: int
    cases: int
    samples: int

    @property
    def data(self) -> int:
        """What a command that reads everything has to read, in units of a case's fixed part (about 100 samples)."""
        return self.runs * self.cases * (100 + self.samples)


@dataclass(frozen=True, slots=True)
class Growth:
    """One command at growing sizes.

    Attributes:
        name: for people.
        words: the command's; ``{root}`` is the folder of runs, ``{one}`` its first run.
        sizes: smallest first.
        limit_s: CPU seconds at the largest size.
    """

    name: str
    words: tuple[str, ...]
    sizes: tuple[Size, ...]
    limit_s: float


_RUNS = (Size(10, 4, 100), Size(100, 4, 100), Size(1_000, 4, 100))
_CASES = (Size(1, 10, 100), Size(1, 100, 100), Size(1, 1_000, 100), Size(1, 10_000, 100))
_SAMPLES = (Size(1, 1, 1_000), Size(1, 1, 10_000), Size(1, 1, 100_000), Size(1, 1, 1_000_000), Size(1, 1, 10_000_000))
_YEAR = (Size(37, 22, 0), Size(365, 22, 0))
_LOAD = "from inference_bench import load_runs; t = load_runs({root!r}); t.summaries, t.samples"

GROWTHS = (
    Growth("report --history, a year", ("report", "{root}", "--history"), _YEAR, 6),
    Growth("report --history, runs", ("report", "{root}", "--history"), _RUNS, 12),
    Growth("compare, runs", ("compare", "{root}", "{root}"), _RUNS, 30),
    Growth("query, runs", ("query", "SELECT count(*), avg(value) FROM samples", "{root}"), _RUNS, 30),
    Growth("load_runs, runs", ("-c", _LOAD), _RUNS, 30),
    Growth("report, cases", ("report", "{one}"), _CASES, 60),
    Growth("report --format csv, cases", ("report", "{one}", "--format", "csv"), _CASES, 30),
    Growth("report --format html, cases", ("report", "{one}", "--format", "html"), _CASES[:3], 60),
    Growth("check, cases", ("check", "{one}"), _CASES, 60),
    Growth("compare, cases", ("compare", "{one}", "{one}"), _CASES, 120),
    Growth("query, cases", ("query", "SELECT count(*), avg(value) FROM samples", "{one}"), _CASES, 60),
    Growth("report, samples", ("report", "{one}"), _SAMPLES, 5),
    Growth("report --format html, samples", ("report", "{one}", "--format", "html"), _SAMPLES, 60),
    Growth("compare, samples", ("compare", "{one}", "{one}"), _SAMPLES, 60),
    Growth("query, samples", ("query", "SELECT count(*), avg(value) FROM samples", "{one}"), _SAMPLES, 20),
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the two smallest sizes of each command")
    parser.add_argument("--only", default="", help="commands whose name contains this")
    args = parser.parse_args()
    missed = []
    print(
        "| command | runs | cases | samples | s | over the former | of the data |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as place:
        for growth in (each for each in GROWTHS if args.only in each.name):
            sizes = growth.sizes[:2] if args.quick else growth.sizes
            missed += list(_measure(replace(growth, sizes=sizes), Path(place), whole=not args.quick))
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


def _measure(growth: Growth, place: Path, *, whole: bool) -> Iterator[str]:
    """Print the rows of one command; yield what it misses."""
    former: tuple[Size, float] | None = None
    for size in growth.sizes:
        took_s = _cpu_seconds(growth.words, folder_of(size, place))
        cells = [f"{size.runs:,}", f"{size.cases:,}", f"{size.samples:,}", f"{took_s:.2f}"]
        if former is None:
            cells += ["", ""]
        else:
            data, time = size.data / former[0].data, took_s / former[1]
            cells += [f"{time:.1f}", f"{data:.1f}"]
            if took_s > _NOTICEABLE_S and time > TOO_FAST * data:
                yield f"{growth.name}: {time:.1f} times as long for {data:.1f} times the data"
        print(f"| {growth.name} | {' | '.join(cells)} |", flush=True)
        former = size, took_s
    if whole and former is not None and former[1] > growth.limit_s:
        yield f"{growth.name}: {former[1]:.1f} s, limit {growth.limit_s:g} s"


def _cpu_seconds(words: Sequence[str], root: Path) -> float:
    """Return user and system time of a command in a process of its own."""
    one = str(next(iter(sorted(root.iterdir()))))
    filled = [word.format(root=str(root), one=one) for word in words]
    start = filled if filled[0] == "-c" else ["-m", "inference_bench", *filled]
    before = os.times()
    done = subprocess.run([sys.executable, *start], capture_output=True, text=True)
    if done.returncode not in (0, 1) or "error: " in done.stderr:
        raise SystemExit(f"{' '.join(filled)}: {done.stderr}")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def folder_of(size: Size, place: Path) -> Path:
    """Return a folder with runs of this size, written once."""
    root = place / f"{size.runs}-{size.cases}-{size.samples}"
    if not root.exists():
        for number in range(size.runs):
            _write_run(root, number, size)
    return root


def _write_run(root: Path, number: int, size: Size) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    folder = root / f"{begun:%Y%m%dT%H%M%SZ}-000000"
    folder.mkdir(parents=True)
    record = RunRecord(folder.name, begun.isoformat(), {"models": ["tiny"]}, {}, finished=True)
    results = [judged(result, record) for result in _results(number, size)]
    record = replace(record, cases=tuple({"id": of.case.id, "slug": of.case.slug, "status": "ok"} for of in results))
    for result in results:
        if result.samples is not None:
            path = folder / table_file("samples", result.case)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode(to_arrow(result.samples, result.case.id, {VERSION: str(SCHEMA_VERSION)})))
    entries = [entry(result, files_of(result)) for result in results]
    (folder / RESULTS).write_bytes(to_json(results_document(record, entries)))
    (folder / RECORD).write_bytes(to_json({"schema_version": SCHEMA_VERSION, **record_to_plain(record)}))


def _results(number: int, size: Size) -> Iterator[BenchmarkResult]:
    random = np.random.default_rng(number)
    samples = _drawn(size.samples, random) if size.samples else None
    template = summarise_samples(samples or _drawn(100, random))
    for position in range(size.cases):
        # A change of a few per cent in the middle of every history, at a place of its own.
        level = float(np.exp(random.normal(0, 0.01))) * (1.05 if number > size.runs // 2 + position else 1.0)
        summaries = tuple(replace(of, quantiles=_scaled(of.quantiles, level)) for of in template)
        case = Case("tiny", "inference_speed", Setup(threads=2), {"input_length": position + 1})
        yield BenchmarkResult(case, Status.OK, summaries=summaries, samples=samples)


def _scaled(quantiles: Mapping[str, Estimate], level: float) -> dict[str, Estimate]:
    return {
        name: replace(of, value=_times(of.value, level), low=_times(of.low, level), high=_times(of.high, level))
        for name, of in quantiles.items()
    }


def _times(value: float | None, level: float) -> float | None:
    return None if value is None else value * level


def _drawn(count: int, random: np.random.Generator) -> Samples:
    part = {
        "run": 0,
        "iteration": np.arange(count),
        "metric": "ttft",
        "phase": "prefill",
        "stage": "measured",
        "start_ns": np.arange(count) * 1_000_000,
        "value": random.lognormal(13.8, 0.02, count).astype(np.int64),
        "loader": "none",
    }
    return Samples.joined([part])


if __name__ == "__main__":
    raise SystemExit(main())
