"""Qn, a robust estimate of the standard deviation. Pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_QN = 2.2219
_QN_SMALL = {2: 0.399, 3: 0.994, 4: 0.512, 5: 0.844, 6: 0.611, 7: 0.857, 8: 0.669, 9: 0.872}


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
