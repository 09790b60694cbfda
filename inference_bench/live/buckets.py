"""The coarse buckets in which durations leave for systems that know no finer ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_bench._native import HistogramCounts

BUCKETS_NS = tuple(number * 10**power // 10 for power in range(4, 11) for number in (10, 25, 50))
"""Upper ends: 1, 2.5 and 5 of each decade, from 10 µs to 50 s."""


def cumulative_counts(counts: HistogramCounts) -> list[int]:
    """Return how many values lie at or below each end.

    An end falls inside of one of the histogram's own buckets, at most 1/128 wide, which then counts as above it.
    """
    import numpy as np

    last_ns = np.append(np.asarray(counts.lowest_ns)[1:] - 1, counts.highest_ns)
    wholly_below = np.searchsorted(last_ns, BUCKETS_NS, side="right")
    summed = np.concatenate([np.zeros(1, np.uint64), np.cumsum(np.asarray(counts.counts))])[wholly_below]
    return [counts.underflow + int(count) for count in summed]
