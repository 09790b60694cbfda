"""Where a series of run medians changes for good. Pure functions.

A split is judged by the exact interval of the Hodges-Lehmann shift between both parts (``location_shift``). Its lower
end lies above t exactly if more than ``m n - u`` of the m × n differences do, with u the critical count of Mann and
Whitney. The counts of all splits at one t come from one table of comparisons, so intervals are computed for a few
splits only: each one that is, discards all splits that are not better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.mann_whitney import critical_counts
from inference_bench.analysis.margin import MARGIN
from inference_bench.analysis.quantiles import LEVEL, tail_of

Floats = NDArray[np.float64]

LEAST = 4
"""Runs on each side of a change: fewer have no exact interval."""


def changes(values: Sequence[float], level: float = LEVEL) -> dict[int, float]:
    """Return where the values change for good, and by what fraction.

    The run medians are split in two where the interval of the Hodges-Lehmann shift lies farthest beyond the margin,
    and both parts again, as long as there is such a place. Every place that a split could have is a comparison of its
    own, so the level is raised by their number (Bonferroni): the probability of any change where there is none stays
    below ``1 - level``.

    Args:
        values: one per run, by time.
        level: confidence that there is no false change among all.

    >>> changes([10.0] * 3)
    {}
    """
    places = max(1, len(values) - 2 * LEAST + 1)
    strict = 1 - (1 - level) / places
    return dict(sorted(_changes(values, 0, tail_of(strict))))


def _changes(values: Sequence[float], first: int, tail: float) -> list[tuple[int, float]]:
    if len(values) < 2 * LEAST or min(values) <= 0:
        return []
    logs = np.log(np.array(values, dtype=np.float64))
    place = _best_split(logs, tail)
    if place is None:
        return []
    change = math.expm1(float(np.median(_differences(logs, place))))
    before, after = _changes(values[:place], first, tail), _changes(values[place:], first + place, tail)
    return [*before, (first + place, change), *after]


def _best_split(logs: Floats, tail: float) -> int | None:
    """Return the place whose interval lies farthest beyond the margin, the first of equals; None if none does."""
    sides = (logs, -logs)  # a rise of the one is a fall of the other
    places = np.arange(LEAST, len(logs) - LEAST + 1)
    critical = critical_counts(len(logs), tail)[places]
    needed = np.where(critical < 0, np.iinfo(np.int64).max, places * (len(logs) - places) - critical)
    reach = math.log1p(MARGIN)
    surplus = np.array([_counts_above(side, reach)[places] - needed for side in sides])
    if not (surplus >= 0).any():
        return None
    while (surplus >= 0).any():
        side, position = divmod(int(surplus.argmax()), len(places))
        reach = _lower_end(sides[side], int(places[position]), int(critical[position]))
        surplus = np.array([_counts_above(side, reach)[places] - needed for side in sides])
    reached = [_counts_above(of, np.nextafter(reach, -math.inf))[places] >= needed for of in sides]
    return int(places[np.logical_or(*reached).argmax()])


def _lower_end(values: Floats, place: int, critical: int) -> float:
    """Return the lower end of the interval of the shift at this place."""
    return float(np.partition(_differences(values, place), critical)[critical])


def _differences(values: Floats, place: int) -> Floats:
    """Return all differences between a value from ``place`` on and one before it."""
    return np.subtract.outer(values[place:], values[:place]).ravel()


def _counts_above(values: Floats, reach: float) -> NDArray[np.int64]:
    """Return for each place how many of its differences are larger than ``reach``, shape (len(values),).

    From one place to the next, the value between them moves from the later side to the earlier one.
    """
    above = np.triu(reach < np.subtract.outer(values, values).T, 1)
    moves = above.sum(axis=1, dtype=np.int64) - above.sum(axis=0, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(moves)[:-1]])
