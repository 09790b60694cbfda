"""The shift from one slope to another: Theil-Sen with Kendall's exact distribution. Pure functions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import inversions, pairwise_slopes
from inference_bench.analysis.location_shift import Shift


def slope_shift(before: NDArray[np.float64], after: NDArray[np.float64]) -> Shift:
    """Return by how much the trend of one series over its positions exceeds that of another.

    The trend of the differences is the difference of the trends, and what both series do at the same position cancels.
    The contrasts are the slopes between any two differences: ``k`` of them exceed the true slope exactly if as many
    pairs are in order once it is subtracted, whose distribution is Kendall's (Sen 1968). Ties count for neither side.

    Args:
        before: shape (n,), at least two, in order.
        after: shape (n,), the same positions.
    """
    differences, n = after - before, len(before)
    contrasts = pairwise_slopes(differences)
    positions = np.arange(n) - (n - 1) / 2
    residuals = differences - np.median(contrasts) * positions
    residuals = residuals - residuals.mean()
    scatter = float((residuals**2).sum()) / (n - 2) if n > 2 else math.inf
    return Shift(
        contrasts=contrasts,
        tail=np.minimum(np.cumsum(inversions(n)[::-1])[::-1], 1.0),
        error=math.sqrt(scatter / float((positions**2).sum())),
        freedom=float(max(1, n - 2)),
        method="Theil-Sen slope of the differences, exact interval (Kendall)",
    )
