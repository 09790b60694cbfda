"""The exact distribution of Mann and Whitney's U, the number of positive differences among all m × n. Pure functions.

Mann and Whitney's recurrence takes time in proportion to (m n)²: minutes for some hundred values on each side. The
characteristic function of U is a product of m ratios of sines (U's counts are the Gaussian binomial coefficients), and
one Fourier transform inverts it. All splits of the same values share the products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SMALL = 1600
"""Largest m n for which the recurrence is used; it is exact in the far tails too."""
ROUNDING = 1e-13
"""Upper bound of the tail where the Fourier transform leaves nothing but rounding."""

_REACH = 8
"""Standard deviations on each side that are computed; U's tails are lighter than normal ones, below 1e-15 there."""


@lru_cache(maxsize=64)
def lower_tail(m: int, n: int) -> Floats:
    """Return the probability that U is at most 0, 1 … m n, where both sides have the same distribution.

    Args:
        m: values of one side, at least one.
        n: values of the other, at least one.

    Returns:
        Shape (m n + 1,), ascending; above ``SMALL`` at least ``ROUNDING``.
    """
    if m * n <= SMALL:
        return np.minimum(np.cumsum(_by_recurrence(m, n)), 1.0)
    mass = np.zeros(m * n + 1)
    first, window = next(found for size, found in _splits(m + n) if size == min(m, n))
    mass[first : first + len(window)] = window
    return np.clip(np.maximum.accumulate(np.cumsum(mass)), ROUNDING, 1.0)


@lru_cache(maxsize=1024)
def critical_counts(total: int, tail: float) -> NDArray[np.int64]:
    """Return, for every split of ``total`` values, the largest u with P(U ≤ u) ≤ ``tail``; -1 where there is none.

    Args:
        total: values of both sides together.
        tail: more than 1e-9.

    Returns:
        Shape (total + 1,), by the size of either side; -1 at both ends.
    """
    counts = np.full(total + 1, -1, np.int64)
    for m, (first, window) in _splits(total):
        counts[m] = counts[total - m] = first + np.count_nonzero(np.cumsum(window) <= tail) - 1
    return counts


def _splits(total: int) -> Iterator[tuple[int, tuple[int, Floats]]]:
    """Yield each size m ≤ total / 2 with the probabilities of U: the first u, and P(U = u), P(U = u + 1) …

    With f = (j + 1/2) / L, the characteristic function of U - m n / 2 is the product of
    ``i sin(π f (n + i)) / ((n + i) sin(π f i))`` over i = 1 … m. The half keeps every sine away from 0.
    """
    half = total // 2
    deviation = math.sqrt(half * (total - half) * (total + 1) / 12)
    length = 1 << math.ceil(math.log2(min(half * (total - half) + 1, 2 * _REACH * deviation) + 1))
    odd = 2 * np.arange(length // 2) + 1
    roots = _roots(4 * length)
    product = np.ones(length // 2)
    for m in range(1, half + 1):
        n = total - m
        upper, lower = (roots.imag[odd * size % (4 * length)] for size in (n + 1, m))
        product *= m / (n + 1) * upper / lower
        first = max(0, (m * n + 1 - length) // 2)
        spectrum = product * roots[odd * (m * n - 2 * first) % (4 * length)]
        window = (np.fft.fft(spectrum, length) * roots[2 * np.arange(length)].conj()).real * 2 / length
        yield m, (first, window[: m * n + 1 - first])


def _roots(count: int) -> NDArray[np.complex128]:
    """Return all roots of one, each part accurate in every digit also where it is close to 0."""
    quarter = np.sin(np.arange(count // 4 + 1) * (2 * math.pi / count))
    quarter[-1] = 1.0
    sine = np.concatenate([quarter[:-1], quarter[:0:-1]])
    sine = np.concatenate([sine, -sine])
    found: NDArray[np.complex128] = np.roll(sine, -(count // 4)) + 1j * sine
    return found


def _by_recurrence(m: int, n: int) -> Floats:
    """Return the probability of each U, by Mann and Whitney's recurrence on the side that holds the largest value.

    Only positive numbers are added, so nothing cancels.
    """
    row = [np.ones(1) for _ in range(n + 1)]
    for i in range(1, m + 1):
        for j in range(1, n + 1):
            of_first, of_second = np.pad(row[j], (j, 0)), np.pad(row[j - 1], (0, i))
            row[j] = (i * of_first + j * of_second) / (i + j)
    return row[n]
