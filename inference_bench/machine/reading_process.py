"""The process that measures read bandwidth: one JSON request on standard input, one JSON reply on standard output."""

from __future__ import annotations

import json
import sys

from inference_bench._native import read_bandwidth
from inference_bench.units import NS_PER_MS, NS_PER_S

_LEAST_NS = 2 * NS_PER_MS
"""A repetition over a small working set lasts this long: the start of its threads is then below 0.1 %."""


def main() -> None:
    """Reply with a row for each working set: ``["read", [bytes], [bytes per second of each repetition]]``."""
    request = json.load(sys.stdin)
    threads, repetitions = request["threads"], request["repetitions"]
    print(json.dumps([_row(size, threads, repetitions) for size in request["sizes"]]))


def _row(size: int, threads: int, repetitions: int) -> list[object]:
    found = read_bandwidth(size, threads, repetitions=repetitions, least_ns=_LEAST_NS)
    read_bytes = found["working_set_bytes"] * found["passes"]
    return ["read", [size], [read_bytes * NS_PER_S / ns for ns in found["times_ns"]]]


if __name__ == "__main__":
    main()
