"""Coarse buckets for Prometheus and OTLP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench._native import HistogramCounts

BUCKETS_NS = tuple(number * 10**power // 10 for power in range(4, 11) for number in (10, 25, 50))
"""Upper ends: 1, 2.5 and 5 in each decade, from 10 µs to 50 s."""


def cumulative_counts(counts: HistogramCounts, ends_ns: Sequence[int] = BUCKETS_NS) -> list[int]:
    """Return the number of values at or below each end.

    An end lies inside one of the histogram's own buckets, which is at most 1/128 wide and counts as above the end.
    """
    import numpy as np

    last_ns = np.append(np.asarray(counts.lowest_ns)[1:] - 1, counts.highest_ns)
    wholly_below = np.searchsorted(last_ns, ends_ns, side="right")
    summed = np.concatenate([np.zeros(1, np.uint64), np.cumsum(np.asarray(counts.counts))])[wholly_below]
    return [counts.underflow + int(count) for count in summed]
