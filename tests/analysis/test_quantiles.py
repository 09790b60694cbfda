"""Quantiles and the ranks of their intervals: exact figures and coverage by binomial sums."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference_bench.analysis.quantiles import interval_ranks, needed_samples, quantile
from tests.series import LEVELS, PROBABILITIES, samples_of_any_kind


@given(samples_of_any_kind, st.sampled_from(PROBABILITIES))
def test_quantile_is_numpys_inverted_cdf(values, p):
    assert quantile(np.sort(values), p) == float(np.quantile(values, p, method="inverted_cdf"))


@pytest.mark.parametrize(
    ("n", "p", "rank"), [(10, 0.9, 9), (100, 0.07, 7), (1000, 0.999, 999), (1, 0.5, 1), (4, 0.0, 1)]
)
def test_quantile_rank_is_exact_where_the_product_is_not(n, p, rank):
    assert quantile(np.arange(1, n + 1), p) == rank


@pytest.mark.parametrize(("p", "n"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)])
def test_two_sided_interval_exists_from(p, n):
    assert needed_samples(p) == n
    assert None not in interval_ranks(n, p)
    assert None in interval_ranks(n - 1, p)


def test_needed_samples_where_the_tail_is_exactly_allowed():
    assert needed_samples(0.5, 0.5) == 2
    assert interval_ranks(2, 0.5, 0.5) == (1, 2)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("p", [0.1, *PROBABILITIES])
@pytest.mark.parametrize("n", [1, 5, 6, 36, 100, 1001])
def test_ranks_are_the_tightest_that_keep_each_tail(n, p, level):
    low, high = interval_ranks(n, p, level)
    tail = (1 - level) / 2 * (1 + 1e-9)
    above = stats.binom(n, p).sf
    assert high is None or above(high - 1) <= tail
    assert above((high or n + 1) - 2) > tail
    below = stats.binom(n, p).cdf  # the lower end is too high if at most low - 1 samples lie below the true quantile
    # What the upper end of a tail quantile leaves of its own share, the lower one may take.
    allowed = 2 * tail - above(high - 1) if p > 0.5 and low and high else tail
    assert low is None or below(low - 1) <= allowed
    assert below(low or 0) > allowed


@pytest.mark.parametrize(("p", "most"), [(0.9, 0.971), (0.95, 0.974), (0.99, 0.975)])
def test_the_interval_of_a_tail_covers_its_level_and_hardly_more(p, most):
    for n in range(needed_samples(p), 4000, 61):
        low, high = interval_ranks(n, p)
        covered = stats.binom(n, p).cdf(high - 1) - stats.binom(n, p).cdf(low - 1)
        assert 0.95 <= covered < most


def test_coverage_by_binomial_sums():
    for p in PROBABILITIES:
        n = 2 * needed_samples(p)
        low, high = interval_ranks(n, p)
        inside = stats.binom(n, p).pmf(np.arange(low, high)).sum()
        assert 0.95 <= inside < 1


@given(st.integers(1, 5000), st.sampled_from((0.1, *PROBABILITIES)))
def test_ranks_widen_with_the_level(n, p):
    ranks = [interval_ranks(n, p, level) for level in LEVELS]
    for (low, high), (wider_low, wider_high) in pairwise(ranks):
        assert (wider_low or 0) <= (low or 0)
        assert (wider_high or n + 1) >= (high or n + 1)
