"""How many pairs a change needs: the calculation, and its truth in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.comparison_result import Verdict
from inference_bench.analysis.location_shift import needed_runs, paired_shift, smallest_effect
from inference_bench.analysis.observations import Observations, Side
from inference_bench.analysis.power import MAX_PAIRS, Spread, forecast, needed_pairs
from inference_bench.plan import Case
from inference_bench.spec import Setup


def shift_of(spread, n):
    """Return the shift of ``n`` differences with exactly this standard deviation."""
    values = np.random.default_rng(n).normal(size=n)
    return paired_shift((values - values.mean()) / values.std(ddof=1) * spread)


@pytest.mark.parametrize("level", [0.95, 0.99, 0.999])
@pytest.mark.parametrize("spread", [0.005, 0.02, 0.05])
def test_the_number_is_the_first_whose_smallest_effect_is_small_enough(spread, level):
    pairs = needed_pairs(spread, 0.015, level)

    assert smallest_effect(shift_of(spread, pairs), level) <= 0.015
    least = needed_runs(level, paired=True)
    assert pairs == least or smallest_effect(shift_of(spread, pairs - 1), level) > 0.015


def test_never_fewer_than_an_interval_needs_and_none_where_no_number_suffices():
    assert needed_pairs(1e-9, 0.01, 0.95) == needed_runs(0.95, paired=True) == 6
    assert needed_pairs(0.02, 0.0, 0.95) is None
    assert needed_pairs(0.02, -0.1, 0.95) is None
    assert needed_pairs(1.0, 0.001, 0.95) is None
    assert needed_pairs(0.02, 0.02 * 2.81 / math.sqrt(MAX_PAIRS), 0.95) in range(MAX_PAIRS - 200, MAX_PAIRS + 1)


@pytest.mark.parametrize(
    ("spread", "change", "margin"), [(0.01, 0.02, 0.0), (0.02, 0.02, 0.0), (0.01, 0.02, 0.01), (0.03, 0.05, 0.01)]
)
def test_the_planned_pairs_detect_the_change(spread, change, margin):
    """A normal scatter of known size, 300 measurements of as many pairs as planned: three in four detect it."""
    found = forecast([Spread("x", spread, 1000, margin)], change, 0.95, 1000)
    rng, case = np.random.default_rng(7), Case("tiny", "inference_speed", Setup(), {})
    detected = 0
    for _ in range(300):
        ratios = np.exp(math.log1p(change) + rng.normal(0, spread, found.pairs))
        sides = (
            Side(name, (Observations(case, "ttft", "", {("s", n): 1e6 * value for n, value in enumerate(of)}),))
            for name, of in (("A", np.ones(found.pairs)), ("B", ratios))
        )
        (row,) = compare(*sides, paired=True, margin=margin).rows
        detected += row.verdict is Verdict.WORSE

    assert 0.75 <= detected / 300 <= 0.95


def test_the_figure_that_scatters_most_decides():
    found = forecast([Spread("calm", 0.01, 9, 0.0), Spread("restless", 0.03, 9, 0.0)], 0.02, 0.95, 60)

    assert found.hardest == "restless"
    assert found.pairs == needed_pairs(0.03, math.log1p(0.02), 0.95)
    assert found.fewest < found.pairs
    assert 0.01 < found.reach < 0.02


def test_a_margin_above_the_change_cannot_be_reached():
    found = forecast([Spread("x", 0.01, 9, 0.03)], 0.02, 0.95, 60)

    assert (found.pairs, found.fewest, found.margin) == (None, None, 0.03)


def test_a_favourable_spread_is_rarely_undercut():
    rng = np.random.default_rng(5)
    favourable = [Spread("x", rng.normal(0, 1, 5).std(ddof=1), 4, 0.0).favourable for _ in range(2000)]

    assert np.mean(np.array(favourable) > 1) == pytest.approx(0.1, abs=0.03)
