from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from inference_bench.analysis.serving.share import least_share, most_share, needed_requests, worth
from tests.analysis.serving.queues import queue


@pytest.mark.parametrize(("good", "n"), [(0, 5), (3, 5), (5, 5), (298, 300), (1000, 1000)])
def test_the_bounds_are_those_of_clopper_and_pearson(good, n):
    """A two-sided interval of 90 % has a bound of 95 % on each side."""
    both = binomtest(good, n).proportion_ci(0.9, method="exact")
    assert (least_share(good, n), most_share(good, n)) == pytest.approx((both.low, both.high))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_so_many_good_requests_are_needed_and_no_fewer(share):
    needed = needed_requests(share)
    assert least_share(needed, needed) >= share > least_share(needed - 1, needed - 1)


def test_bad_requests_ask_for_more_and_too_many_for_no_number():
    assert needed_requests(0.99, bad=0.005) > 2 * needed_requests(0.99)
    assert needed_requests(0.99, bad=0.01) is None


def test_independent_requests_are_worth_themselves():
    figures = np.random.default_rng(1).exponential(1.0, 2_000)
    assert worth([figures > 4], [figures]) == 1


def test_requests_of_a_queue_are_worth_less():
    figures = queue(0.7, 10_000, np.random.default_rng(1))
    assert worth([figures > 15], [figures]) < 0.2


def test_the_slowest_tenth_shows_bursts_before_any_request_is_bad():
    figures = queue(0.7, 2_000, np.random.default_rng(1))
    assert worth([figures > 1e9], [figures]) < 0.2


def test_runs_that_differ_make_their_requests_worth_less():
    rng = np.random.default_rng(1)
    alike = [rng.exponential(1.0, 400) for _ in range(5)]
    different = [run * factor for run, factor in zip(alike, (1, 1, 1, 2, 2), strict=True)]
    bad = [[run > 3 for run in runs] for runs in (alike, different)]
    assert worth(bad[1], different) < worth(bad[0], alike) / 4
