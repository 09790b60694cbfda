"""A day of traffic at once: 10^8 real spans. Is memory flat, and every record accounted for?

Two ways: as fast as one thread can make them, when the collector cannot keep up and must say how many were lost; and no
faster than they are collected, when none may be lost. Growth is that of this process's RSS, from its median in the
third quarter of the spans to that in the last.

Run as ``python -m bench.live_day``; exits with 1 if a count is wrong, a record vanished, or memory grew by over 1 MiB.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from inference_bench import _native
from inference_bench.live import Profiler, Snapshot
from inference_bench.units import format_bytes, format_ns

PART = 50_000
"""Spans between two looks at the memory; less than the recorder holds."""

GROWTH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Day:
    """How one way ended."""

    name: str
    spans: int
    took_ns: int
    snapshot: Snapshot
    growth_bytes: int

    def wrong(self) -> Iterator[str]:
        """Yield what contradicts something else."""
        recording, counted = self.snapshot.recording, self.snapshot.histogram("decode").total
        if recording.made != self.spans:
            yield f"{self.spans:,} spans were made, and {recording.made:,} counted"
        if recording.made != recording.recorded + recording.lost:
            yield "made is not recorded + lost"
        if counted != recording.recorded:
            yield f"{recording.recorded:,} records, and {counted:,} in the histogram"
        if self.growth_bytes > GROWTH_BYTES:
            yield f"memory grew by {format_bytes(self.growth_bytes)}"
        if self.snapshot.memory_bytes > self.snapshot.memory_limit_bytes:
            yield "the profiler holds more than it said it would"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=100_000_000, help="spans each way (default: 100 million)")
    spans = parser.parse_args().spans
    days = [_spend("at full speed", spans, collect=False), _spend("as they are collected", spans, collect=True)]
    print(
        "| way | spans | a span | recorded | lost | memory grew | held, at most |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for day in days:
        seen = day.snapshot
        print(
            f"| {day.name} | {day.spans:,} | {format_ns(day.took_ns / day.spans)} | {seen.recording.recorded:,} | "
            f"{seen.recording.lost:,} | {format_bytes(day.growth_bytes)} | "
            f"{format_bytes(seen.memory_bytes)} of {format_bytes(seen.memory_limit_bytes)} |"
        )
    wrong = [f"{day.name}: {what}" for day in days for what in day.wrong()]
    if days[1].snapshot.recording.lost:
        wrong.append(f"{days[1].name}: records were lost")
    for what in wrong:
        print(f"error: {what}", file=sys.stderr)
    return int(bool(wrong))


def _spend(name: str, spans: int, *, collect: bool) -> Day:
    parts = max(spans // PART, 10)
    rss = np.zeros(parts, np.int64)
    with Profiler("bench") as profiler:
        span = profiler.span("decode")
        began_ns = _native.now_ns()
        for part in range(parts):
            for _ in range(PART):
                with span:
                    pass
            if collect:
                profiler.collect()
            rss[part] = _native.rss_bytes() or 0
        took_ns = _native.now_ns() - began_ns
        snapshot = profiler.snapshot()
    quarter = parts // 4
    growth = np.median(rss[-quarter:]) - np.median(rss[-2 * quarter : -quarter])
    return Day(name, parts * PART, took_ns, snapshot, int(growth))


if __name__ == "__main__":
    sys.exit(main())
