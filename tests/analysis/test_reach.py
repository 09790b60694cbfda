from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.estimates import run_medians_estimate
from inference_bench.analysis.reach import detectable_change, reach
from inference_bench.result import Estimate


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(100.0, 98.0, 101.0), 0.02),
        (Estimate(100.0, 99.0, 105.0), 0.05),
        (Estimate(-100.0, -103.0, -99.0), 0.03),
        (Estimate(100.0, None, 101.0), None),
        (Estimate(0.0, -1.0, 1.0), None),
        (Estimate(None, None, None), None),
    ],
)
def test_the_reach_is_that_of_the_farther_end(estimate, expected):
    assert reach(estimate) == pytest.approx(expected)


@pytest.mark.parametrize("runs", [3, 5, 20])
def test_a_change_of_that_size_is_found_four_times_in_five(runs):
    # Two measurements of `runs` normal run medians each; Student's t test of their difference, 4,000 times.
    spread, random = 0.02, np.random.default_rng(runs)
    from scipy.special import stdtrit

    t = float(stdtrit(runs - 1, 0.975))
    change = detectable_change(t * spread / runs**0.5, runs)
    assert change is not None
    first, second = random.normal(0, spread, (4000, runs)), random.normal(change, spread, (4000, runs))
    error = np.sqrt((first.var(1, ddof=1) + second.var(1, ddof=1)) / runs)
    found = (second.mean(1) - first.mean(1)) / error > float(stdtrit(2 * runs - 2, 0.975))

    # The formula treats the estimated spread as known, which costs a few points with three runs.
    assert 0.72 <= found.mean() <= 0.84


def test_one_process_says_nothing_about_another():
    assert detectable_change(0.01, 1) is None


@pytest.mark.parametrize("spread", [0.01, 0.03, 0.08])
def test_ending_at_the_first_narrow_interval_costs_little_coverage(spread):
    """Three to five processes, ended at ±5 %, as `run` does; docs/statistics.md has the table."""
    random, held, series = np.random.default_rng(7), 0, 2000
    for medians in np.exp(random.normal(0, spread, (series, 5))):
        for runs in (3, 4, 5):
            found = run_medians_estimate(medians[:runs])
            assert found.low is not None
            assert found.high is not None
            if runs == 5 or found.high - found.low <= 0.1 * found.value:
                held += found.low <= 1 <= found.high
                break

    assert 0.915 <= held / series <= 0.965
