"""Our read bandwidth beside likwid-bench's load kernel: the same sizes and threads, in turns.

``python -m bench.ceilings [--write]``; needs ``likwid-bench`` on the path, and a machine with nothing else to do. With
``--write`` the table goes into ``bench/README.md``. Exits with 1 if a ratio is beyond 10 %.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from inference_bench._native import read_bandwidth
from inference_bench.machine.cpus import available_cpus
from inference_bench.units import MIB, NS_PER_MS, NS_PER_S, format_bytes

SIZES = (1 * MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB)
ROUNDS = 7
REPETITIONS = 11
VOLUME_BYTES = 2_000_000_000  # that likwid-bench reads in one turn
LIMIT = 0.10
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- ceilings: begin -->", "<!-- ceilings: end -->"
KERNELS = {"avx512f": "load_avx512", "avx2": "load_avx", "sse2": "load_sse", "neon": "load"}


def main() -> int:
    """Measure, print the table, and keep it if asked."""
    if shutil.which("likwid-bench") is None:
        print("nothing to compare with: likwid-bench is not on the path")
        return 0
    rows = list(_rows())
    table = "\n".join(_table(rows))
    print(table)
    if "--write" in sys.argv[1:]:
        _write(table)
    return int(any(abs(ours / theirs - 1) > LIMIT for _, _, ours, theirs in rows))


def _rows() -> Iterator[tuple[int, int, float, float]]:
    """Yield size, threads, and the median GB/s of both."""
    for threads in sorted({1, available_cpus()}):
        for size in SIZES:
            turns = [(_ours(size, threads), _theirs(size, threads)) for _ in range(ROUNDS)]
            ours, theirs = (median(side) for side in zip(*turns, strict=True))
            yield size, threads, ours, theirs


def _ours(size: int, threads: int) -> float:
    found = read_bandwidth(size, threads, repetitions=REPETITIONS, least_ns=20 * NS_PER_MS)
    return found["working_set_bytes"] * found["passes"] / median(found["times_ns"]) * NS_PER_S / 1e9


def _theirs(size: int, threads: int) -> float:
    kernel = KERNELS[read_bandwidth(MIB, 1, repetitions=1, least_ns=0)["instructions"]]
    iterations = max(20, VOLUME_BYTES // size)
    command = ["likwid-bench", "-t", kernel, "-i", str(iterations), "-w", f"S0:{size}B:{threads}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"MByte/s:\s+([\d.]+)", done.stdout)
    if found is None:
        raise SystemExit(f"{' '.join(command)} printed no bandwidth: {done.stdout[-300:]}{done.stderr[-300:]}")
    return float(found.group(1)) / 1e3


def _table(rows: list[tuple[int, int, float, float]]) -> Iterator[str]:
    yield "| working set | threads | ours, GB/s | likwid-bench, GB/s | ours / theirs |"
    yield "|---:|---:|---:|---:|---:|"
    for size, threads, ours, theirs in rows:
        yield f"| {format_bytes(size)} | {threads} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |"


def _write(table: str) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
