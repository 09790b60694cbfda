from __future__ import annotations

import pytest

from inference_bench.reports._figures import axes
from inference_bench.reports._figures.thinning import evenly, extremes

np = pytest.importorskip("numpy")


@pytest.mark.parametrize("values", [[3.0], [0.0], [-5.0, 3.0], [1e-9, 2e-9], [7, 123_456_789.0], [-2.0, -1.0]])
def test_an_axis_holds_its_values_and_has_a_few_round_ticks(values):
    axis = axes.numbers("x", values)

    assert axis.low <= min(*values, 0) <= max(*values, 0) <= axis.high
    assert 2 <= len(axis.ticks) <= 7
    assert all(axis.low <= value <= axis.high for value, _ in axis.ticks)
    assert 0.0 in [value for value, _ in axis.ticks]


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.3, 4000.0], [5.0], [99.0, 101.0]])
def test_a_logarithmic_axis_has_ticks_within(values):
    axis = axes.logarithmic("x", values)

    assert axis.low < min(values) <= max(values) < axis.high
    assert 1 <= len(axis.ticks) <= 7
    assert all(axis.low <= value <= axis.high for value, _ in axis.ticks)


def test_curves_far_apart_need_a_logarithm_and_zero_has_none():
    assert axes.magnitudes("x", [1.0, 1000.0]).is_log
    assert not axes.magnitudes("x", [0.0, 1000.0]).is_log
    assert not axes.magnitudes("x", [1.0, 1000.0], several=False).is_log


def test_a_small_difference_does_not_fill_the_axis():
    near, far = axes.around("x", [100.0, 101.0], span=0.15), axes.around("x", [10.0, 100.0], span=0.15)

    assert far.low == 0
    assert near.low > 0
    assert near.high - near.low >= 15


def test_a_far_end_of_an_interval_leaves_the_values_apart():
    assert max(axes.within_reach([10.0, 20.0], [9.0, 5000.0])) == 35.0
    assert axes.within_reach([10.0, 20.0], [9.0, 21.0]) == [10.0, 20.0, 9.0, 21.0]


def test_thinning_a_curve_hides_no_peak():
    values = np.zeros(100_000)
    values[12_345], values[77_777] = 9.0, -3.0
    kept = extremes(values)

    assert len(kept) <= 200
    assert {12_345, 77_777} <= set(kept)
    assert evenly(1000, 3) == [0, 499, 999]
    assert evenly(2, 200) == [0, 1]
