"""The steady state of samples in order of time: changepoints by ranks. Pure functions."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.dependence import DEPENDENT, MIN_BATCHES, batches_of, lag1, midranks
from inference_bench.analysis.quantiles import Values, quantile

LEVEL_STEP = 0.01
"""Levels that differ by less, relative to the earlier one, count as the same."""
_PETTITT = 0.01
"""Probability of a false changepoint."""


class Steadiness(StrEnum):
    """The classes of Barrett et al. (OOPSLA 2017)."""

    UNKNOWN = ""
    FLAT = "flat"
    WARM_UP = "warm-up"
    SLOWDOWN = "slowdown"
    NONE = "no steady state"


def steadiness(values: Values) -> Steadiness:
    """Return whether samples in order of time keep to one level, reach one after a warm-up or slowdown, or do neither.

    Changepoints are found by Pettitt's rank test (1979) at 1 %, one after another, on the mean ranks of batches that
    are otherwise independent; one counts if the medians on its two sides differ by more than ``LEVEL_STEP``.
    ``UNKNOWN`` under 40 samples.

    Args:
        values: in order of time.
    """
    n = len(values)
    if n < 2 * MIN_BATCHES:
        return Steadiness.UNKNOWN
    batch, means = 1, midranks(values)
    while len(means) // 2 >= MIN_BATCHES and _short_lag1(means) > DEPENDENT:
        batch, means = 2 * batch, batches_of(means, 2).mean(axis=1)
    ends = [batch * place for place in _changepoints(means)] + [n]
    levels: list[tuple[float, int]] = []
    for begin, end in zip([0, *ends], ends, strict=False):
        median = quantile(np.sort(values[begin:end]), 0.5)
        if not levels or abs(median - levels[-1][0]) > LEVEL_STEP * abs(levels[-1][0]):
            levels.append((median, begin))
    last, since = levels[-1]
    if len(levels) == 1:
        return Steadiness.FLAT
    if n - since < n / 4:
        return Steadiness.NONE
    before, step = [median for median, _ in levels[:-1]], LEVEL_STEP * abs(last)
    if min(before) > last + step:
        return Steadiness.WARM_UP
    return Steadiness.SLOWDOWN if max(before) < last - step else Steadiness.NONE


def _short_lag1(series: NDArray[np.float64]) -> float:
    """Return the lag-1 autocorrelation, estimated from the differences, which a change of level affects only once.

    The differences of a first-order autoregression with coefficient ρ have (ρ - 1) / 2.
    """
    return 1 + 2 * lag1(np.diff(series))


def _changepoints(series: NDArray[np.float64]) -> list[int]:
    """Return where the level changes, ascending, by repeated splits at the most significant place."""
    n = len(series)
    if n < MIN_BATCHES:
        return []
    places = np.arange(1, n)
    differences = np.abs(2 * np.cumsum(midranks(series) + 1)[:-1] - places * (n + 1))
    place = int(differences.argmax()) + 1
    if 2 * math.exp(-6 * float(differences[place - 1]) ** 2 / (n**3 + n**2)) >= _PETTITT:
        return []
    return [*_changepoints(series[:place]), place, *(place + later for later in _changepoints(series[place:]))]
