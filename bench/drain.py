"""How fast recorded spans become a pyarrow table: drained, matched and joined to their names, without a copy."""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import pyarrow as pa

from inference_bench import _native

TARGET = 20e6


def drain_rate(spans: int) -> float:
    """Record this many spans, and return the records a second at which they reach a table."""
    recorder = _native.SpanRecorder(capacity=spans + 65_536)
    span = _native.span("decode")
    with recorder:
        for _ in range(spans):
            with span:
                pass
    began_ns = time.perf_counter_ns()
    table = pa.table(recorder.drain())
    took_ns = time.perf_counter_ns() - began_ns
    counts = recorder.counts()
    if table.num_rows != spans or counts["lost"]:
        raise RuntimeError(f"made {spans} spans, found {table.num_rows}, lost {counts['lost']}")
    return spans / took_ns * 1e9


def main() -> int:
    """Print the median rate of several drains; exit with 1 if it is below the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=10_000_000, help="spans in a drain (default: ten million)")
    parser.add_argument("--repeats", type=int, default=3, help="drains (default: 3)")
    given = parser.parse_args()
    rates = [drain_rate(given.spans) for _ in range(given.repeats)]
    low, middle, high = min(rates) / 1e6, statistics.median(rates) / 1e6, max(rates) / 1e6
    print(f"{given.spans:,} spans: {middle:.1f} million records a second ({low:.1f} to {high:.1f}), target 20")
    return 0 if statistics.median(rates) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
