"""Sample quantiles and the ranks of their intervals. Pure functions.

The intervals use ranks only, so they survive any increasing change of scale: the interval of a logarithm is the
logarithm of the interval. docs/statistics.md gives each rule, its source and its limits.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

Values = NDArray[np.int64 | np.float64]

LEVEL = 0.95
"""Default confidence level of every interval."""

_ROUNDING = 1e-9
"""Slack for products such as 0.07 * 100, which exceeds 7 in binary."""


def quantile(ordered: Values, p: float) -> float:
    """Return the inverse of the empirical distribution, ``ordered[ceil(n p) - 1]``: always a sample, no interpolation.

    Args:
        ordered: at least one value, ascending.
        p: probability.
    """
    return float(ordered[_rank(len(ordered), p) - 1])


def _rank(n: int, p: float) -> int:
    return min(n, max(1, math.ceil(n * p - _ROUNDING)))


def tail_of(level: float) -> float:
    """Return the probability that each end of an interval of this level may miss.

    The slack admits a tail that is exactly allowed (n = 2, level 0.5) but exceeds the limit in its last bit.
    """
    return (1 - level) / 2 * (1 + _ROUNDING)


@lru_cache(maxsize=4096)
def interval_ranks(n: int, p: float, level: float = LEVEL) -> tuple[int | None, int | None]:
    """Return the ranks (from 1) whose values enclose the ``p`` quantile, whatever the distribution.

    With ``X ~ Binomial(n, p)``, the lower is the largest ``l`` with ``P(X <= l - 1) <= (1 - level) / 2`` and the upper
    the smallest ``u`` with ``P(X >= u) <= (1 - level) / 2``; None where there is no such rank. Ranks are whole numbers,
    so far out in the tail both probabilities are often well below the limit: above the median the lower rank then
    moves up as long as both together are at most ``1 - level``. The upper rank, which service levels are stated by,
    does not move.

    >>> interval_ranks(100, 0.5)
    (40, 61)
    >>> interval_ranks(100, 0.99)
    (97, None)
    """
    allowed = tail_of(level)
    low = bisect_right(range(n), allowed, key=lambda k: float(bdtr(k, n, p)))
    high = 1 + bisect_left(range(n), -allowed, key=lambda k: -float(bdtrc(k, n, p)))
    if low and high <= n and p > 0.5:
        missed_above = float(bdtrc(high - 1, n, p))
        while float(bdtr(low, n, p)) + missed_above <= 2 * allowed:
            low += 1
    return low or None, high if high <= n else None


def needed_samples(p: float, level: float = LEVEL) -> int:
    """Return the smallest ``n`` for which a two-sided interval of the ``p`` quantile exists.

    >>> [needed_samples(p) for p in (0.5, 0.9, 0.95, 0.99, 0.999)]
    [6, 36, 72, 368, 3688]
    """
    return math.ceil(math.log(tail_of(level)) / math.log(max(p, 1 - p)) - _ROUNDING)


def stretched_ranks(n: int, p: float, level: float, effective_n: int) -> tuple[int | None, int | None]:
    """Return the ranks among ``n`` dependent samples that are worth ``effective_n`` independent ones.

    The ranks of the independent samples are stretched over ``n``, rounded outwards, and enclose the estimate.
    """
    low, high = interval_ranks(effective_n, p, level)
    stretch, rank = n / effective_n, _rank(n, p)
    if low is not None:
        low = min(rank, math.floor((low - 0.5) * stretch + 0.5))
    if high is not None:
        high = max(rank, math.ceil((high - 0.5) * stretch + 0.5))
    return low, high
