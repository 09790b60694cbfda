"""The band of a fleet: exact figures, and its rates of error by simulation, seeded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.analysis.fleet_band import fleet_band


def outside(*values, figures=1):
    band = fleet_band({str(node): value for node, value in enumerate(values)}, figures)
    return None if band is None else sorted(band.outside)


def test_a_node_far_from_the_others_is_outside_whether_faster_or_slower():
    assert outside(1.0, 1.01, 0.99, 1.2) == ["3"]
    assert outside(1.0, 1.01, 0.99, 0.8) == ["3"]
    assert outside(1.0, 1.01, 0.99, 1.02) == []


def test_five_per_cent_are_within_every_band():
    assert outside(1.0, 1.0, 1.0, 1.049) == []
    assert outside(1.0, 1.0, 1.0, 1.051) == ["3"]
    assert outside(1.0, 1.0, 1.0, 1 / 1.049) == []


def test_three_nodes_have_no_band():
    assert outside(1.0, 1.0, 2.0) is None


def test_several_odd_nodes_do_not_hide_behind_each_other():
    assert outside(1.0, 1.01, 0.99, 1.0, 1.01, 0.6, 0.6) == ["5", "6"]
    assert outside(1.0, 1.01, 0.99, 1.0, 1.01, 0.6, 1.7) == ["5", "6"]


def test_more_than_a_third_of_the_nodes_are_never_called_odd():
    assert outside(1.0, 1.0, 1.0, 2.0, 2.0, 2.0) == []


def test_the_band_is_that_of_the_nodes_inside_and_their_mean_its_middle():
    band = fleet_band({"a": 10.0, "b": 10.0, "c": 10.0, "d": 20.0})
    assert band is not None
    assert (band.low, band.middle, band.high) == pytest.approx((10 / 1.05, 10, 10.5))
    assert band.outside == ("d",)


def test_the_band_is_students_prediction_interval():
    """Three nodes at log -s, 0, s: the fourth is held against t(2 degrees, 1 - 0.05 / 8) s sqrt(4/3)."""
    reach = 8.8602 * math.sqrt(4 / 3)
    near, far = (math.exp(factor * reach * 0.02) for factor in (0.99, 1.01))
    others = (math.exp(-0.02), 1.0, math.exp(0.02))
    assert outside(*others, near) == []
    assert outside(*others, far) == ["3"]
    assert outside(*others, far, figures=2) == []


@pytest.mark.parametrize("spread", [0.02, 0.1])
@pytest.mark.parametrize("nodes", [4, 5, 7, 12, 30])
def test_95_per_cent_of_equal_fleets_name_nobody_whatever_their_spread(nodes, spread):
    generator = np.random.default_rng(nodes)
    fleets = np.exp(generator.normal(0, spread, (2000, nodes)))
    silent = sum(outside(*map(float, speeds)) == [] for speeds in fleets) / len(fleets)
    assert silent >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / len(fleets))


@pytest.mark.parametrize(("nodes", "spread"), [(4, 0.005), (6, 0.01), (8, 0.015), (12, 0.02)])
def test_a_node_20_per_cent_slower_is_named(nodes, spread):
    generator = np.random.default_rng(nodes)
    found = 0
    for speeds in np.exp(generator.normal(0, spread, (500, nodes))):
        speeds[0] *= 0.8
        found += outside(*map(float, speeds)) == ["0"]
    assert found / 500 >= 0.9
