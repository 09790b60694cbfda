"""The highest rate at which a server meets its objectives, found by bisection."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

PRECISION = 1.05
"""The search ends when the lowest rate that failed is at most this multiple of the highest that passed."""

MOST_WINDOWS = 40
"""A search has far fewer: 20 doublings reach a million times the first rate."""

_LOWEST = 1 / 16
"""A server that fails at this share of the first rate is not given a lower one."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found.

    Attributes:
        rate: the highest rate that passed, in requests per second; 0 if none did.
        fails_at: the lowest rate above it that failed; infinite if none did.
    """

    rate: float
    fails_at: float


def find_capacity(passes: Callable[[float], bool | None], first_rate: float) -> Capacity:
    """Search for the highest rate that passes: doubling or halving until both sides are known, then bisection.

    Rates are compared by their ratio, so the middle of two is their geometric mean.

    Args:
        passes: sends one window at a rate and returns whether the objectives were met; None if that cannot be told,
            because the generator and not the server set the pace: the search ends there.
        first_rate: requests per second of the first window.
    """
    low, high, rate = 0.0, math.inf, first_rate
    for _ in range(MOST_WINDOWS):
        met = passes(rate)
        if met is None:
            break
        low, high = (rate, high) if met else (low, rate)
        if high <= low * PRECISION or high <= first_rate * _LOWEST:
            break
        rate = low * 2 if math.isinf(high) else high / 2 if low == 0 else math.sqrt(low * high)
    return Capacity(low, high)
