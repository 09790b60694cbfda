"""How many pairs it takes until a change of a given size would be detected. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtri, stdtrit

from inference_bench.analysis.location_shift import POWER, needed_runs

MAX_PAIRS = 10_000
"""More pairs than this are not planned."""
_FAVOURABLE = 0.1
"""Probability that the true spread is below the one that a plan calls favourable."""


@dataclass(frozen=True, slots=True)
class Spread:
    """By how much the change of one figure scatters from pair to pair.

    Attributes:
        name: of the figure, for people.
        size: standard deviation of the logarithm of the ratio within a pair.
        freedom: degrees of freedom of ``size``.
        margin: changes up to this fraction count as none.
    """

    name: str
    size: float
    freedom: int
    margin: float

    @property
    def favourable(self) -> float:
        """A size that the true one is below only in one of ten cases: the lower end of its chi-squared interval."""
        return self.size * math.sqrt(self.freedom / float(chdtri(self.freedom, _FAVOURABLE)))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What it takes to detect a change.

    Attributes:
        hardest: name of the figure that needs most pairs.
        pairs: how many it needs; None if more than ``MAX_PAIRS``, or if its margin is as large as the change.
        fewest: how many it needs if the true spread is favourable.
        margin: of the hardest figure, as a fraction.
        reach: smallest change that the pairs at hand detect, as a fraction.
    """

    hardest: str
    pairs: int | None
    fewest: int | None
    margin: float
    reach: float


def needed_pairs(spread: float, distance: float, level: float) -> int | None:
    """Return the fewest pairs that detect a shift this far beyond the margin with probability ``POWER``.

    The size of a sample from two quantiles, that of the level and that of the power (G. W. Snedecor and W. G. Cochran,
    *Statistical Methods*, 1989, on the size of comparative experiments), here Student's with ``n - 1`` degrees of
    freedom: ``location_shift.smallest_effect`` solved for ``n``. Never fewer than an exact interval of signed ranks
    needs.

    Args:
        spread: standard deviation of the differences, on the scale of the shift.
        distance: shift less margin, on the same scale.
        level: confidence level of the interval.

    Returns:
        The number; None if it is more than ``MAX_PAIRS``, or if the distance is not positive.
    """
    least = needed_runs(level, paired=True)
    if distance <= 0 or _effect(spread, MAX_PAIRS, level) > distance:
        return None
    low, high = least, MAX_PAIRS
    while low < high:
        middle = (low + high) // 2
        if _effect(spread, middle, level) <= distance:
            high = middle
        else:
            low = middle + 1
    return low


def forecast(spreads: Sequence[Spread], change: float, level: float, most: int) -> Forecast:
    """Return what it takes until this change of every figure would be detected.

    Args:
        spreads: one per figure; at least one.
        change: the change to detect, as a fraction.
        level: confidence level of each interval.
        most: pairs that may be measured.
    """

    def pairs(of: Spread, size: float) -> int | None:
        return needed_pairs(size, math.log1p(change) - math.log1p(of.margin), level)

    def reach(of: Spread) -> float:
        return math.expm1(math.log1p(of.margin) + _effect(of.size, max(most, 2), level))

    hardest = max(spreads, key=lambda of: (pairs(of, of.size) or MAX_PAIRS + 1, reach(of)))
    return Forecast(
        hardest=hardest.name,
        pairs=pairs(hardest, hardest.size),
        fewest=pairs(hardest, hardest.favourable),
        margin=hardest.margin,
        reach=max(map(reach, spreads)),
    )


def _effect(spread: float, pairs: int, level: float) -> float:
    """Return the shift beyond the margin that this many pairs detect with probability ``POWER``."""
    freedom = pairs - 1
    return float(stdtrit(freedom, (1 + level) / 2) + stdtrit(freedom, POWER)) * spread / math.sqrt(pairs)
