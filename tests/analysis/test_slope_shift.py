from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from inference_bench.analysis.estimates import inversions
from inference_bench.analysis.slope_shift import slope_shift


@pytest.mark.parametrize("n", range(1, 8))
def test_inversions_are_counted_exactly(n):
    orders = list(itertools.permutations(range(n)))
    counts = [sum(a > b for a, b in itertools.combinations(order, 2)) for order in orders]

    expected = np.bincount(counts) / math.factorial(n)
    assert inversions(n) == pytest.approx(expected, rel=1e-12)


def test_many_inversions_keep_their_small_probabilities():
    assert inversions(40)[0] == pytest.approx(1 / math.factorial(40), rel=1e-9)
    assert inversions(40)[-1] == pytest.approx(1 / math.factorial(40), rel=1e-9)
    assert inversions(40).sum() == pytest.approx(1)


@pytest.mark.parametrize("slope", [-3.0, 0.0, 0.5, 4.0])
def test_the_interval_covers_the_difference_of_the_slopes_as_often_as_it_says(slope):
    rng, hits, positions = np.random.default_rng(5), 0, np.arange(10)
    for _ in range(300):
        before = 50 + 2 * positions + rng.normal(0, 1, 10)
        after = 10 + (2 + slope) * positions + rng.normal(0, 1, 10)
        low, high = slope_shift(before, after).interval(0.95)
        hits += low <= slope <= high

    assert hits / 300 >= 0.92


def test_a_level_is_no_slope_and_what_both_do_at_a_position_cancels():
    allocator = np.array([0, 5, 5, 9, 9, 9, 9, 9, 9, 9], float)
    shift = slope_shift(1000 + allocator, 10 + allocator)

    assert (shift.value, shift.interval(0.95)) == (0.0, (0.0, 0.0))


def test_few_positions_have_no_interval():
    assert slope_shift(np.zeros(4), np.arange(4.0)).interval(0.95) is None
    assert slope_shift(np.zeros(5), np.arange(5.0)).interval(0.95) == (1.0, 1.0)
