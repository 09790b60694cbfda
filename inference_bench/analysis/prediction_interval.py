"""Judge one new run by earlier runs of the same: a robust prediction interval, with a guard against two modes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

FEWEST_RUNS = 8
"""Earlier runs needed for a verdict: with fewer, the robust scale is too uncertain to detect a change of 10 %."""
WINDOW = 50
"""Latest runs that are used: older ones describe older code."""
LEVEL = 0.05
"""Probability that unchanged code gives at least one verdict SLOWER in a session, over all its comparisons."""

_QN = 2.2219
_QN_SMALL = {2: 0.399, 3: 0.994, 4: 0.512, 5: 0.844, 6: 0.611, 7: 0.857, 8: 0.669, 9: 0.872}
_FREEDOM = 0.7
_AS_EXTREME = 0.1
_RESOLUTION_NS = 1.0
_SMALLEST_SCALE = 0.001


class Judgement(StrEnum):
    """What earlier runs say of a new one."""

    SLOWER = "SLOWER"
    FASTER = "FASTER"
    WITHIN = "within"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One new run beside its earlier runs.

    Attributes:
        judgement: the verdict; UNKNOWN with fewer than ``FEWEST_RUNS`` earlier runs.
        n: the number of earlier runs that were used.
        ratio: the new run's median divided by the median of the earlier ones.
        middle_ns: the median of the earlier runs' medians.
        low_ns: the lower end of the prediction interval; None without one.
        high_ns: the upper end.
        beyond: how many earlier runs the new one is slower than (faster than, if it is FASTER).
    """

    judgement: Judgement
    n: int
    ratio: float
    middle_ns: float
    low_ns: float | None
    high_ns: float | None
    beyond: int


def predict(value_ns: float, earlier_ns: Sequence[float], comparisons: int = 1) -> Prediction:
    """Judge the median of a new run by the medians of the last ``WINDOW`` earlier runs.

    With y the logarithms of the n earlier medians, the next run of unchanged code is expected within

        median(y) ± t(1 - LEVEL / comparisons; 0.7 (n - 1)) · Qn(y) · sqrt(1 + π / (2 n))

    This is the normal prediction interval for one further observation (Hahn & Meeker 1991, Statistical Intervals,
    section 4.8) with the mean replaced by the median, whose variance is π/2 times as large, and the standard deviation
    by Qn (Rousseeuw & Croux 1993, JASA 88, 1273-1283), which half of the runs cannot carry away. The degrees of
    freedom are those that hold the level in simulations of n = 8 to 50. ``comparisons`` divides the level
    (Bonferroni), for each side.

    Earlier runs that form two modes would make every run of the rarer mode an alarm. So SLOWER also needs that at most
    a = ⌈n / 10⌉ of the earlier runs were as slow: one slow run in the history changes nothing, and unchanged code of
    any distribution is SLOWER in at most (a + 1) / (n + 1) of its runs (a rank test).

    Args:
        value_ns: the new median, positive.
        earlier_ns: the earlier medians, positive, oldest first; at least one.
        comparisons: the number of comparisons in this session.
    """
    values = np.log(np.asarray(earlier_ns[-WINDOW:], dtype=np.float64))
    n, new, middle = len(values), math.log(value_ns), float(np.median(values))
    slower, faster = int(np.sum(values < new)), int(np.sum(values > new))
    ratio, middle_ns = math.exp(new - middle), math.exp(middle)
    if n < FEWEST_RUNS:
        return Prediction(Judgement.UNKNOWN, n, ratio, middle_ns, None, None, slower)
    half = _half_width(values, middle_ns, comparisons)
    low, high = middle - half, middle + half
    allowed = math.ceil(_AS_EXTREME * n)
    judgement, beyond = Judgement.WITHIN, slower
    if new > high and n - slower <= allowed:
        judgement = Judgement.SLOWER
    elif new < low and n - faster <= allowed:
        judgement, beyond = Judgement.FASTER, faster
    return Prediction(judgement, n, ratio, middle_ns, math.exp(low), math.exp(high), beyond)


def _half_width(values: NDArray[np.float64], middle_ns: float, comparisons: int) -> float:
    n = len(values)
    # Medians in whole nanoseconds, or of a still machine, can be equal: the scale is then the clock's, or 0.1 %.
    scale = max(qn_scale(values), _RESOLUTION_NS / middle_ns, _SMALLEST_SCALE)
    quantile = float(stdtrit(_FREEDOM * (n - 1), 1 - LEVEL / max(1, comparisons)))
    return quantile * scale * math.sqrt(1 + math.pi / (2 * n))


def qn_scale(values: NDArray[np.float64]) -> float:
    """Return Qn: the scale from the lower quartile of all differences, equal to σ for normal values.

    Rousseeuw & Croux 1993; the factors for small n are those of Croux & Rousseeuw 1992 (Computational Statistics 1,
    411-428).

    Args:
        values: shape [n], n >= 2.
    """
    n = len(values)
    first, second = np.triu_indices(n, 1)
    differences = np.abs(values[first] - values[second])
    half = n // 2 + 1
    place = half * (half - 1) // 2 - 1
    factor = _QN_SMALL.get(n) or (n / (n + 1.4) if n % 2 else n / (n + 3.8))
    return float(_QN * factor * np.partition(differences, place)[place])
