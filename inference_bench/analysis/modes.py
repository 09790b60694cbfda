"""The modes of samples: several of them are not described by a single figure. Pure functions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import bdtr

from inference_bench.analysis.dependence import MIN_BATCHES, effective_sample_size
from inference_bench.analysis.quantiles import Values, quantile
from inference_bench.result import Mode

SMALLEST_SHARE = 0.05
"""Fewer samples are outliers, not a mode."""
_CHANCE = 1e-3
"""Probability of a valley within a single mode; small, since the deepest of many valleys is tested."""
_DEPTH = 0.5
"""Largest density of a valley, as a share of the lower peak's at its sides."""
_CELLS_PER_BANDWIDTH = 4
_MOST_CELLS = 8192

Floats = NDArray[np.float64]


def modes(values: Values) -> tuple[Mode, ...]:
    """Return the modes, ascending; none under 40 samples.

    The peaks of a kernel density, on the log scale if all samples are positive. Two peaks are two modes only if there
    are significantly fewer samples around the valley between them than around the lower one, half as many or fewer.
    Dependent samples count for less. docs/statistics.md has the rule and its rate of false alarms.

    Args:
        values: in order of time.
    """
    n = len(values)
    if n < 2 * MIN_BATCHES:
        return ()
    ordered = np.sort(values).astype(np.float64)
    scaled = np.log(ordered) if ordered[0] > 0 else ordered
    worth = effective_sample_size(values) / n
    valleys = _valleys(scaled, worth)
    ends = [0, *(int(np.searchsorted(scaled, valley)) for valley in valleys), n]
    return tuple(Mode(quantile(ordered[begin:end], 0.5), (end - begin) / n) for begin, end in pairwise(ends))


def _valleys(ordered: Floats, worth: float) -> list[float]:
    """Return the places that separate one mode from the next."""
    bandwidth = _bandwidth(ordered)
    low, high = quantile(ordered, SMALLEST_SHARE / 5), quantile(ordered, 1 - SMALLEST_SHARE / 5)
    if bandwidth <= 0 or high <= low:
        return []
    step = max(bandwidth / _CELLS_PER_BANDWIDTH, (high - low) / _MOST_CELLS)
    edges = np.arange(low - 4 * bandwidth, high + 4 * bandwidth + step, step)
    counts, _ = np.histogram(ordered, edges)
    density = gaussian_filter1d(counts.astype(np.float64), bandwidth / step, mode="constant")
    middles = edges[:-1] + step / 2
    peaks = [int(place) for place in _peaks(density)]
    valleys = [_deepest(density, a, b) for a, b in pairwise(peaks)]
    while valleys:
        heights = density[peaks]
        lower = [min(pair) for pair in pairwise(heights)]
        sides = pairwise(middles[peaks])
        places = zip(sides, middles[valleys], strict=True)
        weak = [i for i, ((a, b), place) in enumerate(places) if not _parts(ordered, a, place, b, worth)]
        weak = weak or _small(ordered, middles[valleys])
        if not weak:
            break
        # The shallowest first: two small peaks that are merged may be separate from a third.
        shallowest = max(weak, key=lambda i: float(density[valleys[i]] / lower[i]))
        del peaks[shallowest + (heights[shallowest] >= heights[shallowest + 1])], valleys[shallowest]
    return [float(middles[valley]) for valley in valleys]


def _bandwidth(ordered: Floats) -> float:
    """Return half of Silverman's rule, which is made for one mode, and at least twice the step of coarse values."""
    n = len(ordered)
    spread = min(float(ordered.std()), (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / 1.349)
    gaps = np.diff(ordered)
    gaps = gaps[gaps > 0]
    tick = float(np.median(gaps)) if 0 < len(gaps) < n / 2 else 0.0
    return max(0.45 * spread * math.pow(n, -0.2), 2 * tick)


def _peaks(density: Floats) -> NDArray[np.intp]:
    changes = np.flatnonzero(np.diff(density))
    rising = np.diff(density)[changes] > 0
    found: NDArray[np.intp] = changes[1:][rising[:-1] & ~rising[1:]]
    return found


def _deepest(density: Floats, begin: int, end: int) -> int:
    """Return the middle of the lowest cells between two peaks."""
    between = density[begin:end]
    ground = np.flatnonzero(between <= between.min() + 0.01 * min(between[0], density[end]))
    return begin + int(np.median(ground))


def _parts(ordered: Floats, first: float, valley: float, second: float, worth: float) -> bool:
    """Return whether far fewer samples lie around the valley than around either peak."""
    reach = min(valley - first, second - valley) / 2

    def about(place: float) -> float:
        return worth * float(np.diff(np.searchsorted(ordered, [place - reach, place + reach]))[0])

    lower, between = min(about(first), about(second)), about(valley)
    if between > _DEPTH * lower:
        return False
    return bool(bdtr(round(between), max(1, round(between + lower)), 0.5) < _CHANCE)


def _small(ordered: Floats, valleys: Floats) -> list[int]:
    """Return the valleys next to a mode of too few samples."""
    ends = np.searchsorted(ordered, [-np.inf, *valleys, np.inf])
    small = np.diff(ends) < SMALLEST_SHARE * len(ordered)
    return [i for i in range(len(valleys)) if small[i] or small[i + 1]]
