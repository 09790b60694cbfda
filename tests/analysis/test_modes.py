from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.modes import modes


def two_places(n, apart, share, seed=0):
    rng = np.random.default_rng(seed)
    places = np.where(rng.random(n) < share, 100.0, 100.0 + apart)
    return np.rint(1e4 * (places + rng.standard_normal(n)))


def test_two_places_are_two_modes_with_their_medians_and_shares():
    low, high = modes(two_places(500, 10, 0.7))

    assert low.value == pytest.approx(100e4, rel=0.002)
    assert high.value == pytest.approx(110e4, rel=0.002)
    assert low.share == pytest.approx(0.7, abs=0.06)
    assert low.share + high.share == 1.0


def test_three_places_are_three_modes():
    rng = np.random.default_rng(5)
    values = np.repeat([100.0, 110.0, 120.0], 200) + rng.standard_normal(600)

    assert [round(mode.value) for mode in modes(rng.permutation(values))] == [100, 110, 120]


def test_a_few_far_away_are_outliers_and_no_mode():
    assert len(modes(two_places(1000, 30, 0.97))) == 1


@pytest.mark.parametrize("law", ["normal", "lognormal", "exponential", "uniform"])
def test_one_place_is_hardly_ever_said_to_be_several(law):
    rng = np.random.default_rng(6)
    series = [1e6 + 1e5 * getattr(rng, law)(size=300) for _ in range(100)]

    assert sum(len(modes(values)) != 1 for values in series) <= 5


def test_the_steps_of_a_coarse_clock_are_no_modes():
    rng = np.random.default_rng(7)

    assert len(modes(6.2 * np.round(40 + 2 * rng.standard_normal(2000)))) == 1


@pytest.mark.parametrize("values", [np.full(500, 7), np.zeros(500), np.r_[np.full(499, 7), 9]])
def test_constant_samples_have_one_mode(values):
    assert len(modes(values)) == 1


def test_signed_samples_are_judged_on_their_own_scale():
    rng = np.random.default_rng(8)
    values = rng.permutation(np.r_[rng.normal(-9, 1, 300), rng.normal(9, 1, 300)])

    assert [round(mode.value) for mode in modes(values)] == [-9, 9]


def test_too_few_samples_have_none():
    assert modes(np.arange(39)) == ()
