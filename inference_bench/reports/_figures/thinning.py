"""Thinning of curves: a page holds at most two hundred points of each."""

from __future__ import annotations

import numpy as np

MOST_POINTS = 200


def extremes(values: np.ndarray, most: int = MOST_POINTS) -> list[int]:
    """Return the places of each stretch's smallest and largest value, so that thinning hides no peak.

    Args:
        values: in their order.
        most: places at most.
    """
    stretches = np.array_split(np.arange(len(values)), min(most // 2, len(values)))
    found = {int(at) for s in stretches if len(s) for at in (s[np.argmin(values[s])], s[np.argmax(values[s])])}
    return sorted(found)


def evenly(count: int, most: int = MOST_POINTS) -> list[int]:
    """Return evenly spaced places among ``count``, with the first and the last."""
    return [int(at) for at in np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))]
