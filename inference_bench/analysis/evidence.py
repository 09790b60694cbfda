"""The evidence for a change: the shift between two sides' values or scores. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from inference_bench.analysis.estimates import MAX_EXPONENT
from inference_bench.analysis.location_shift import MeanShift, Shift, paired_shift, score_shift, separate_shift
from inference_bench.analysis.observations import Observations
from inference_bench.metrics import Statistic, statistic_of


@dataclass(frozen=True, slots=True)
class Evidence:
    """The shift between two sides.

    Attributes:
        shift: on the log scale if ``relative``.
        values: A's and B's figure, in the metric's unit.
        runs: processes (items) of A and of B.
        relative: whether the shift is a difference of logarithms.
    """

    shift: Shift | MeanShift
    values: tuple[float, float]
    runs: tuple[int, int]
    relative: bool

    def scaled(self, fraction: float) -> float:
        """Return the size of a change, given as a fraction of A, on the scale of the shift."""
        return math.log1p(fraction) if self.relative else fraction * abs(self.values[0])

    def unscaled(self, shift: float) -> float:
        """Return a shift as a fraction of A if it is relative, else in the metric's unit."""
        return math.expm1(min(shift, MAX_EXPONENT)) if self.relative else shift


def evidence(before: Observations, after: Observations, *, paired: bool) -> Evidence | None:
    """Return the shift between two sides, or None if there is nothing to compare.

    Args:
        before: A.
        after: B.
        paired: whether equally named processes of both sides ran next to each other in time.
    """
    if before.scores or after.scores:
        return _of_scores(before, after)
    common = [process for process in before.values if process in after.values]
    if paired and common:
        a, b = (np.array([of.values[process] for process in common]) for of in (before, after))
    else:
        a, b = (np.array(list(of.values.values())) for of in (before, after))
    if len(a) == 0 or len(b) == 0:
        return None
    relative = bool((a > 0).all() and (b > 0).all())
    scaled = (np.log(a), np.log(b)) if relative else (a, b)
    shift = paired_shift(scaled[1] - scaled[0]) if paired and common else separate_shift(*scaled)
    return Evidence(shift, (float(np.median(a)), float(np.median(b))), (len(a), len(b)), relative)


def _of_scores(before: Observations, after: Observations) -> Evidence | None:
    items = [item for item in before.scores if item in after.scores]
    if not items or statistic_of(before.metric) is Statistic.MAXIMUM:
        return None
    a, b = (np.array([of.scores[item][0] for item in items]) for of in (before, after))
    weights = np.array([before.scores[item][1] for item in items])
    means = float(np.average(a, weights=weights)), float(np.average(b, weights=weights))
    return Evidence(score_shift(a, b, weights), means, (len(items), len(items)), relative=False)
