"""The A/A floor: by how much identical configurations differ on a machine. Pure functions of run medians.

Interleaved pairs and separate measurements have different floors. Interleaved pairs differ by chance only; separate
measurements also by the drift of the machine from one hour to the next, which more runs in one hour do not average
away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inference_bench.analysis.location_shift import paired_shift
from inference_bench.analysis.robust_scale import qn_scale

QUANTILE = 0.95
_ASSIGNMENTS = 1000
"""Random assignments of labels; ten pairs have about as many in all."""

Pairs = NDArray[np.float64]
"""Run medians of one session, shape (pairs, 2), positive, in order of time."""


def pair_floor(pairs: Pairs) -> float:
    """Return the shift (as a logarithm) that 95 % of interleaved A/A comparisons of this size stay below.

    Which of two identical runs is called A is arbitrary, so swapping the labels of any pair gives another, equally
    likely A/A comparison.
    """
    differences = np.log(pairs[:, 1] / pairs[:, 0])
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (_ASSIGNMENTS, len(differences)))
    return _quantile([abs(paired_shift(row).value) for row in signs * differences])


def drift_floor(sessions: Sequence[Pairs]) -> float:
    """Return the shift (as a logarithm) that 95 % of separate A/A measurements stay below.

    It compares the halves of each session, and the sessions with each other. With few of them, it is the largest.
    """
    medians = [np.log(np.median(pairs)) for pairs in sessions]
    between = [abs(float(a - b)) for a, b in combinations(medians, 2)]
    within = [_halves(pairs) for pairs in sessions if len(pairs) > 1]
    return max(_quantile([*between, *within]), max((pair_floor(pairs) for pairs in sessions), default=0.0))


def pair_spread(sessions: Sequence[Pairs]) -> tuple[float, int]:
    """Return the standard deviation of the shift within a pair (as a logarithm), pooled, and its degrees of freedom."""
    differences = [np.log(pairs[:, 1] / pairs[:, 0]) for pairs in sessions if len(pairs) > 1]
    freedom = sum(len(of) - 1 for of in differences)
    squares = sum(float(((of - of.mean()) ** 2).sum()) for of in differences)
    return (math.sqrt(squares / freedom), freedom) if freedom else (0.0, 0)


def run_spread(sessions: Sequence[Pairs], processes: tuple[int, int]) -> float:
    """Return the standard deviation (of a logarithm) of the difference between two separate runs of the same.

    It is the larger of two. 95 % of the drifts stay below ``drift_floor``, which is 1.96 standard deviations if they
    are normal. The median of m processes has at most sqrt(π / (2 m)) times their standard deviation; the sessions
    compare medians of more processes than a run has.

    Args:
        sessions: A/A measurements.
        processes: of the one run and of the other.
    """
    logs = [np.log(pairs / np.median(pairs)).ravel() for pairs in sessions]
    of_process = max(map(qn_scale, logs), default=0.0)
    of_medians = of_process * math.sqrt(math.pi / 2 * sum(1 / count for count in processes))
    return max(drift_floor(sessions) / float(ndtri((1 + QUANTILE) / 2)), of_medians)


def _halves(pairs: Pairs) -> float:
    middle = len(pairs) // 2
    return abs(float(np.log(np.median(pairs[middle:]) / np.median(pairs[:middle]))))


def _quantile(values: Sequence[float]) -> float:
    return float(np.quantile(values, QUANTILE, method="higher")) if len(values) else 0.0
