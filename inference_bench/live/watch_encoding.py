"""Snapshots for ``watch``, as one line of JSON each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference_bench._native import HistogramCounts
    from inference_bench.live.snapshot import Snapshot


def encode(snapshot: Snapshot) -> bytes:
    """Return one line of JSON, with filled buckets, from which ``watch`` computes what is new."""
    plain = snapshot.as_plain()
    for name, counts in snapshot.spans.items():
        plain["spans"][name]["buckets"] = _filled(counts)
    for key, counts in snapshot.histograms.items():
        plain["histograms"][str(key)]["buckets"] = _filled(counts)
    return json.dumps(plain).encode() + b"\n"


def _filled(counts: HistogramCounts) -> list[tuple[int, int]]:
    """Return first value and count of each filled bucket."""
    import numpy as np

    numbers = np.asarray(counts.counts)
    filled = np.flatnonzero(numbers)
    return list(zip(np.asarray(counts.lowest_ns)[filled].tolist(), numbers[filled].tolist(), strict=True))
