"""Autocorrelation and effective sample sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.analysis.dependence import Dependence, dependence, effective_sample_size
from inference_bench.analysis.estimates import (
    median_estimate,
)
from tests.series import autoregressive


def test_few_samples_have_no_autocorrelation():
    assert dependence(np.array([1, 2])) == Dependence(None, 1, 0.0)


def test_constant_samples_are_independent():
    assert dependence(np.full(1000, 5)) == Dependence(0.0, 1, 0.0)
    assert effective_sample_size(np.full(1000, 5)) == 1000


def test_autocorrelation_is_found_and_batched_away():
    found = dependence(autoregressive(np.random.default_rng(0), 5000, 0.6))
    assert found.autocorrelation == pytest.approx(0.6, abs=0.05)
    assert found.batch in (16, 32, 64, 128)
    assert found.remaining == 0


def test_one_spike_does_not_hide_the_autocorrelation():
    series = autoregressive(np.random.default_rng(1), 1000, 0.6)
    series[500] = 1e6
    assert dependence(series).autocorrelation == pytest.approx(0.6, abs=0.1)


def test_a_trend_is_worth_hardly_anything():
    found = dependence(np.arange(1000))
    assert found.batch == 32
    assert found.remaining > 0.8
    assert effective_sample_size(np.arange(1000)) < 6
    assert median_estimate(np.arange(1000)).low is None


def test_ties_in_order_of_time_are_no_trend():
    rng = np.random.default_rng(2)
    assert abs(dependence(rng.integers(0, 2, 2000)).autocorrelation) < 0.1


def test_a_negative_autocorrelation_is_left_alone():
    assert dependence(np.tile([1, 2], 50)) == Dependence(pytest.approx(-0.99), 1, 0.0)


def test_effective_size_of_an_autoregression():
    series = autoregressive(np.random.default_rng(3), 20_000, 0.6)
    expected = 20_000 / (1 + 2 * sum(2 / np.pi * np.arcsin(0.6**lag) for lag in range(1, 60)))
    assert effective_sample_size(series) == pytest.approx(expected, rel=0.25)
    assert effective_sample_size(series, 0.99) > effective_sample_size(series)


@given(st.lists(st.integers(1, 10**5), min_size=1, max_size=120).map(np.array))
def test_everything_survives_a_change_of_scale(values):
    cubed = values**3
    assert dependence(cubed) == dependence(values)
    plain, scaled = median_estimate(values), median_estimate(cubed)
    assert scaled.value == plain.value**3
    assert scaled.low == (None if plain.low is None else plain.low**3)
