"""How far does the clock run from CLOCK_MONOTONIC_RAW, the kernel's own undisciplined time?

The two are read in turns, raw between two of ours, and the tightest of many such triples stands for each moment: its
width bounds how wrong the comparison can be. Errors are given as found and with what the reading leaves open.

A memory sampler runs beside, as in any real run: it is what has the clock re-anchored every 2 s. ``--alone`` does
without, and shows how far the first calibration carries.

Run as ``python -m bench.clock_error``.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench._native import MemorySampler, clock_describe, now_ns, ticks_begin, ticks_end, ticks_to_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIPLES = 2_000


def main() -> int:
    """Print the error at every moment looked at, then its drift and its greatest size."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    arguments.add_argument("--every", type=float, default=2.0, help="seconds between two comparisons (default: 2)")
    arguments.add_argument("--alone", action="store_true", help="leave the clock as it was first calibrated")
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    given = arguments.parse_args()
    with nullcontext() if given.alone else MemorySampler():
        moments = _follow(given.seconds, given.every)
    figures = _summary(moments)
    for at, error, width in moments:
        print(f"{(at - moments[0][0]) / 1e9:7.1f} s  {error:+7.0f} ns  (± {width / 2:.0f})")
    print(", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    print(clock_describe())
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _follow(seconds: float, every: float) -> list[tuple[int, float, int]]:
    now_ns()
    moments = [_compare()]
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(every, left))
        moments.append(_compare())
    return moments


def _compare() -> tuple[int, float, int]:
    """Return the raw time, ours minus it, and the width of the tightest triple."""
    best = (0, 0, 1 << 62)
    raw = time.CLOCK_MONOTONIC_RAW
    for _ in range(TRIPLES):
        before, middle, after = ticks_begin(), time.clock_gettime_ns(raw), ticks_end()
        if after - before < best[2]:
            best = (before, middle, after - before)
    begin, end = ticks_to_ns(best[0]), ticks_to_ns(best[0] + best[2])
    return best[1], (begin + end) / 2 - best[1], end - begin


def _summary(moments: Sequence[tuple[int, float, int]]) -> dict[str, float]:
    """Return the drift by least squares, and the errors' extent from their first, in ns."""
    times = [(at - moments[0][0]) / 1e9 for at, _, _ in moments]
    errors = [error for _, error, _ in moments]
    mean_time, mean_error = sum(times) / len(times), sum(errors) / len(errors)
    covariance = sum((t - mean_time) * (e - mean_error) for t, e in zip(times, errors, strict=True))
    spread = sum((t - mean_time) ** 2 for t in times)
    return {
        "seconds": times[-1],
        "drift_ppm": covariance / spread / 1_000,
        "first_error_ns": errors[0],
        "last_error_ns": errors[-1],
        "max_abs_error_ns": max(map(abs, errors)),
        "median_width_ns": sorted(width for _, _, width in moments)[len(moments) // 2],
    }


if __name__ == "__main__":
    raise SystemExit(main())
