from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from inference_bench.analysis.mann_whitney import ROUNDING, SMALL, critical_counts, lower_tail
from tests.exact_ranks import mann_whitney


@pytest.mark.parametrize(
    ("m", "n"), [(1, 1), (1, 9), (4, 4), (3, 100), (7, 300), (40, 40), (41, 40), (29, 61), (60, 2)]
)
def test_the_tail_is_that_of_mann_and_whitneys_recurrence(m, n):
    tail, exact = lower_tail(m, n), np.cumsum(mann_whitney(m, n))

    assert len(tail) == m * n + 1
    assert np.abs(tail - exact).max() <= 1.01 * ROUNDING
    assert (np.diff(tail) >= 0).all()
    assert tail[-1] == pytest.approx(1)


@pytest.mark.parametrize("total", [2, 3, 8, 9, 30, 31, 64, 90])
@pytest.mark.parametrize("tail", [0.025, 0.3, 1e-4, 1e-8])
def test_critical_counts_are_those_of_the_recurrence(total, tail):
    counts = critical_counts(total, tail)

    for m in range(1, total):
        exact = np.cumsum(mann_whitney(m, total - m))
        assert counts[m] == np.count_nonzero(exact <= tail) - 1, m


def test_hundreds_of_values_agree_with_the_normal_distribution():
    m = n = 500
    tail = lower_tail(m, n)
    deviation = np.sqrt(m * n * (m + n + 1) / 12)

    for sigmas in (-4, -2, -1, 0, 1, 2):
        position = int(m * n / 2 + sigmas * deviation)
        normal = stats.norm.cdf((position + 0.5 - m * n / 2) / deviation)
        assert tail[position] == pytest.approx(normal, rel=5e-2)


def test_the_far_tail_of_few_values_is_exact():
    assert lower_tail(20, SMALL // 20)[0] == pytest.approx(1 / comb(20 + SMALL // 20, 20), rel=1e-9)
