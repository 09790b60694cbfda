"""Nodes as a source of variance: exact figures, and coverage by simulation, seeded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.analysis.node_effects import (
    departures,
    outside_band,
    relative_times,
    widest_difference,
    within_nodes,
)


def test_the_time_of_a_node_is_over_the_median_of_nodes_and_averaged_over_rows():
    rows = [{"a": 10.0, "b": 20.0, "c": 40.0}, {"a": 1.0, "b": 1.0, "c": 4.0}]
    assert relative_times(rows) == pytest.approx({"a": math.sqrt(0.5), "b": 1.0, "c": math.sqrt(8)})


def test_rows_of_one_node_and_figures_that_are_not_positive_say_nothing():
    assert relative_times([{"a": 1.0}, {"a": 0.0, "b": 2.0}]) == {}


def test_a_node_outside_the_band_of_the_others_is_named():
    assert outside_band({"a": 1.0, "b": 1.01, "c": 0.99, "d": 1.2}) == ["d"]
    assert outside_band({"a": 1.0, "b": 1.01, "c": 0.99, "d": 0.8}) == ["d"]


def test_five_per_cent_are_within_every_band_and_three_nodes_have_none():
    assert outside_band({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.049}) == []
    assert outside_band({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.051}) == ["d"]
    assert outside_band({"a": 1.0, "b": 1.0, "c": 2.0}) == []


def test_the_speed_of_a_node_cancels_in_the_ratio_within_nodes():
    before, after = {"a": 10.0, "b": 20.0, "c": 40.0, "d": 1.0}, {"a": 11.0, "b": 22.0, "c": 44.0, "e": 1.0}
    ratio = within_nodes(before, after)
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.1, 1.1, 1.1))
    assert within_nodes({"a": 1.0}, {"b": 1.0}) is None


def test_a_figure_departs_if_the_speed_of_its_node_does_not_explain_it():
    relative = {"a": 1.0, "b": 2.0, "c": 0.5, "d": 1.0}
    usual = {"a": 10.0, "b": 20.0, "c": 5.0, "d": 10.0}
    assert departures(usual, relative) == {}
    assert departures({**usual, "b": 30.0}, relative) == pytest.approx({"b": 0.5})
    assert departures({"a": 10.0, "b": 90.0}, relative) == {}  # of two nodes either may be the odd one


def test_the_widest_difference_names_the_fastest_and_the_slowest_node():
    rows = [{"a": 10.0, "b": 13.0, "c": 8.0}]
    assert widest_difference(rows) == pytest.approx(("c", "b", 0.625))
    assert widest_difference([{"a": 10.0}]) is None


@pytest.mark.parametrize("nodes", [3, 5, 8])
def test_the_interval_holds_for_further_nodes(nodes):
    """Nodes differ by 10 % and take a change of 2 % differently by 0.5 %: 95 % of the intervals have it, or more."""
    generator = np.random.default_rng(nodes)
    held = 0
    for _ in range(2000):
        speed = np.exp(generator.normal(0, 0.1, nodes))
        takes = np.exp(np.log(1.02) + generator.normal(0, 0.005, nodes))
        before = {str(node): float(speed[node]) for node in range(nodes)}
        after = {str(node): float(speed[node] * takes[node]) for node in range(nodes)}
        ratio = within_nodes(before, after)
        assert ratio is not None
        held += ratio.low <= 1.02 <= ratio.high
    assert 0.93 <= held / 2000 <= 1.0
