"""Our read bandwidth beside other tools' read tests: the same sizes and threads, in turns.

``python -m bench.ceilings [--write]``; takes those of ``likwid-bench`` (its load kernel) and ``stress-ng`` (the fastest
read kernel of its memrate test) that are on the path, and a machine with nothing else to do. With ``--write`` the table
goes into ``bench/README.md``. Exits with 1 if a ratio to likwid-bench is beyond 10 %, or to stress-ng without it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from inference_bench._native import read_bandwidth
from inference_bench.machine.cpus import available_cpus
from inference_bench.units import MIB, NS_PER_MS, NS_PER_S, format_bytes

SIZES = (1 * MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB)
ROUNDS = 7
REPETITIONS = 11
VOLUME_BYTES = 2_000_000_000  # that likwid-bench reads in one turn
STRESS_S = 2  # of one turn of stress-ng, in which each of its kernels reads or writes the working set again and again
LIMIT = 0.10
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- ceilings: begin -->", "<!-- ceilings: end -->"
KERNELS = {"avx512f": "load_avx512", "avx2": "load_avx", "sse2": "load_sse", "neon": "load"}


@dataclass(frozen=True)
class Row:
    """Median GB/s of one working set: ours, and each other tool's by its name."""

    size: int
    threads: int
    ours: float
    theirs: Mapping[str, float]


def main() -> int:
    """Measure, print the table, and keep it if asked."""
    tools = {name: measure for name, measure in TOOLS.items() if shutil.which(name)}
    if not tools:
        print(f"nothing to compare with: neither {' nor '.join(TOOLS)} is on the path")
        return 0
    rows = list(_rows(tools))
    table = "\n".join(_table(rows))
    print(table)
    if "--write" in sys.argv[1:]:
        _write(table)
    judge = next(iter(tools))
    return int(any(abs(row.ours / row.theirs[judge] - 1) > LIMIT for row in rows))


def _rows(tools: Mapping[str, Callable[[int, int], float]]) -> Iterator[Row]:
    for threads in sorted({1, available_cpus()}):
        for size in SIZES:
            turns = [
                (_ours(size, threads), *(measure(size, threads) for measure in tools.values())) for _ in range(ROUNDS)
            ]
            ours, *theirs = (median(side) for side in zip(*turns, strict=True))
            yield Row(size, threads, ours, dict(zip(tools, theirs, strict=True)))


def _ours(size: int, threads: int) -> float:
    found = read_bandwidth(size, threads, repetitions=REPETITIONS, least_ns=20 * NS_PER_MS)
    return found["working_set_bytes"] * found["passes"] / median(found["times_ns"]) * NS_PER_S / 1e9


def _likwid(size: int, threads: int) -> float:
    kernel = KERNELS[read_bandwidth(MIB, 1, repetitions=1, least_ns=0)["instructions"]]
    iterations = max(20, VOLUME_BYTES // size)
    command = ["likwid-bench", "-t", kernel, "-i", str(iterations), "-w", f"S0:{size}B:{threads}"]
    printed = _printed(command)
    return _numbers(r"MByte/s:\s+([\d.]+)", printed, command)[0] / 1e3


def _stress_ng(size: int, threads: int) -> float:
    """Return the fastest read kernel's rate, of processes with a part of the working set each."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "metrics.yaml"
        command = ["stress-ng", "--memrate", str(threads), "--memrate-bytes", str(size // threads)]
        command += ["--timeout", str(STRESS_S), "--metrics", "--yaml", str(report)]
        printed = _printed(command)
        rates = _numbers(r"read\w+-mb-per-sec:\s+([\d.]+)", report.read_text() if report.exists() else printed, command)
    return max(rates) * threads * MIB / 1e9


def _printed(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _numbers(pattern: str, text: str, command: Sequence[str]) -> list[float]:
    found = [float(number) for number in re.findall(pattern, text)]
    if not found:
        raise SystemExit(f"{' '.join(command)} printed no bandwidth: {text[-300:]}")
    return found


TOOLS: Mapping[str, Callable[[int, int], float]] = {"likwid-bench": _likwid, "stress-ng": _stress_ng}
"""The first that is on the path is the judge: its kernel has the same instructions."""


def _table(rows: Sequence[Row]) -> Iterator[str]:
    tools = list(rows[0].theirs)
    heads = [f"{tool}, GB/s | ours / {tool}" for tool in tools]
    yield f"| working set | threads | ours, GB/s | {' | '.join(heads)} |"
    yield f"|---:|---:|---:|{'---:|' * 2 * len(tools)}"
    for row in rows:
        cells = [f"{row.theirs[tool]:.1f} | {row.ours / row.theirs[tool]:.2f}" for tool in tools]
        yield f"| {format_bytes(row.size)} | {row.threads} | {row.ours:.1f} | {' | '.join(cells)} |"


def _write(table: str) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
