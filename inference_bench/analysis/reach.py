"""How far a figure can be relied on: the reach of its interval, and the change that two such figures can show."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from inference_bench.analysis.quantiles import LEVEL
from inference_bench.result import Estimate

POWER = 0.8
"""Share of the true changes of that size that are found: four in five, the usual value (Cohen 1988, 2.4)."""


def reach(estimate: Estimate) -> float | None:
    """Return the distance from a figure to the farther end of its interval, as a fraction of the figure.

    None if the interval lacks an end, or the figure is zero or unknown.
    """
    if estimate.value is None or estimate.low is None or estimate.high is None or estimate.value == 0:
        return None
    return max(estimate.value - estimate.low, estimate.high - estimate.value) / abs(estimate.value)


def detectable_change(of_one: float, runs: int, level: float = LEVEL, power: float = POWER) -> float | None:
    """Return the relative change that a comparison of two such measurements finds with this probability.

    The interval of one median of ``runs`` run medians with standard deviation s reaches ``t(runs - 1) s / sqrt(runs)``
    to each side; a difference of two has the standard error ``s sqrt(2 / runs)`` and ``2 runs - 2`` degrees of freedom,
    and is found if it exceeds the sum of the quantiles of level and power times that (Cohen 1988, 2.3).

    Args:
        of_one: the reach of one measurement's interval.
        runs: fresh processes of each of the two; fewer than 2 say nothing about another process, hence None.
        level: confidence level.
        power: probability to find the change.
    """
    if runs < 2:
        return None
    both = (1 + level) / 2
    error = of_one / float(stdtrit(runs - 1, both))
    return math.sqrt(2) * error * float(stdtrit(2 * runs - 2, both) + stdtrit(2 * runs - 2, power))
