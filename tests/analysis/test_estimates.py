"""Estimates: exact figures, properties, and coverage by simulation, seeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference_bench.analysis.dependence import effective_sample_size
from inference_bench.analysis.estimates import (
    mean_estimate,
    median_estimate,
    quantile_estimate,
    relative_width,
    run_medians_estimate,
    split_halves_agree,
)
from inference_bench.analysis.quantiles import quantile
from inference_bench.result import Estimate
from tests.series import LEVELS, PROBABILITIES, autoregressive, covers, samples_of_any_kind


@given(
    samples_of_any_kind,
    st.sampled_from((0.1, *PROBABILITIES)),
    st.sampled_from(LEVELS),
    st.none() | st.floats(0.1, 300),
)
def test_interval_contains_the_estimate(values, p, level, effective_n):
    estimate = quantile_estimate(values, p, level, effective_n)
    centre = quantile(np.sort(values), p)
    assert estimate.value in (None, centre)
    assert estimate.low is None or estimate.low <= centre
    assert estimate.high is None or estimate.high >= centre


@given(samples_of_any_kind, st.sampled_from(PROBABILITIES), st.randoms())
def test_order_does_not_matter_to_a_quantile(values, p, random):
    shuffled = values.tolist()
    random.shuffle(shuffled)
    assert quantile_estimate(np.array(shuffled), p) == quantile_estimate(values, p)


@given(st.integers(6, 300), st.floats(6, 300))
def test_fewer_effective_samples_never_narrow_the_interval(n, effective_n):
    values = np.arange(n)
    full, worth = quantile_estimate(values, 0.5), quantile_estimate(values, 0.5, effective_n=effective_n)
    assert worth.low <= full.low
    assert worth.high >= full.high


def test_a_p99_of_40_samples_is_no_p99():
    estimate = quantile_estimate(np.arange(40), 0.99)
    assert estimate == Estimate(None, 37.0, None, "order statistics, one end only", needs=368)


def test_a_low_quantile_of_few_samples_has_an_upper_end_only():
    assert quantile_estimate(np.arange(20), 0.01) == Estimate(None, None, 1.0, "order statistics, one end only", 368)


def test_a_median_of_few_samples_stands_alone():
    assert quantile_estimate(np.array([7]), 0.5) == Estimate(7.0, None, None, "", needs=6)
    assert quantile_estimate(np.arange(5), 0.5) == Estimate(2.0, None, None, "", needs=6)
    assert quantile_estimate(np.arange(6), 0.5) == Estimate(2.0, 0.0, 5.0, "order statistics")


def test_no_samples_make_no_estimate():
    assert quantile_estimate(np.array([], np.int64), 0.9) == Estimate(None, None, None, "", needs=36)
    assert median_estimate(np.array([], np.int64)) == Estimate(None, None, None, "", needs=6)


def test_effective_n_is_said_and_raises_what_is_needed():
    estimate = quantile_estimate(np.arange(1000), 0.99, effective_n=100.9)
    assert estimate == Estimate(
        989.0, 964.0, None, "order statistics, 1000 samples worth 100 independent ones, one end only", needs=3680
    )


def test_relative_width():
    assert relative_width(Estimate(100.0, 99.0, 101.0)) == 0.02
    assert relative_width(Estimate(-100.0, -101.0, -99.0)) == 0.02
    assert relative_width(Estimate(0.0, 0.0, 0.0)) == 0.0
    assert relative_width(Estimate(0.0, -1.0, 1.0)) is None
    assert relative_width(Estimate(100.0, None, None)) is None


def test_halves_agree_and_disagree():
    rng = np.random.default_rng(14)
    steady = rng.normal(100, 1, 200)
    assert split_halves_agree(steady)
    assert split_halves_agree(np.full(12, 3))
    assert not split_halves_agree(np.concatenate([steady, steady + 5]))
    assert not split_halves_agree(np.full(11, 3))  # a half of five has no interval


def test_one_run_has_no_interval():
    assert run_medians_estimate(np.array([5.0])) == Estimate(5.0, None, None, "", needs=2)


@pytest.mark.parametrize("medians", [[100, 110], [100, 101, 130], [90, 100, 110, 120, 130]])
def test_few_runs_use_students_t_on_logs(medians):
    estimate = run_medians_estimate(np.array(medians))
    logs = np.log(medians)
    low, high = stats.t.interval(0.95, len(logs) - 1, logs.mean(), stats.sem(logs))
    assert estimate.value == np.median(medians)
    assert (estimate.low, estimate.high) == pytest.approx((np.exp(low), np.exp(high)))
    assert estimate.method == "Student's t of log run medians"


def test_few_runs_that_are_not_positive_use_students_t():
    estimate = run_medians_estimate(np.array([-4, 0, 4]))
    low, high = stats.t.interval(0.95, 2, 0, stats.sem([-4, 0, 4]))
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((low, 0, high))
    assert estimate.method == "Student's t of run medians"


def test_wildly_different_runs_stay_finite():
    estimate = run_medians_estimate(np.array([1, 10**18]))
    assert 0 <= estimate.low < estimate.high < np.inf


def test_six_runs_use_order_statistics():
    estimate = run_medians_estimate(np.array([1, 2, 3, 4, 5, 6]))
    assert estimate == Estimate(3.5, 1.0, 6.0, "order statistics of run medians")


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=12).map(np.array), st.sampled_from(LEVELS))
def test_run_interval_contains_its_value(medians, level):
    estimate = run_medians_estimate(medians, level)
    assert estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
@pytest.mark.parametrize(
    "transform", [lambda z: z, np.exp, lambda z: z + 10 * (z > 0.25)], ids=["normal", "log", "bimodal"]
)
def test_coverage_of_one_run(rho, transform):
    rng = np.random.default_rng(9)
    repetitions = 250
    series = [transform(autoregressive(rng, 200, rho)) for _ in range(repetitions)]
    for p in (0.5, 0.9):
        truth = float(transform(np.array(stats.norm.ppf(p))))
        hits = sum(covers(quantile_estimate(s, p, 0.95, effective_sample_size(s, p)), truth) for s in series)
        assert 0.92 <= hits / repetitions <= 0.995


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 40), (13, 40), (40, 40), (399, 400)])
@pytest.mark.parametrize("level", LEVELS)
def test_answers_get_wilsons_interval(right, n, level):
    answers = np.arange(n) < right
    found = mean_estimate(answers.astype(float), np.ones(n), level)
    expected = stats.binomtest(right, n).proportion_ci(level, method="wilson")

    assert (found.value, found.method) == (right / n, "Wilson score")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_other_scores_get_students_interval():
    scores = np.array([0.2, 0.9, 0.4, 0.7, 0.35])
    found = mean_estimate(scores, np.ones(5))
    expected = stats.t.interval(0.95, 4, scores.mean(), stats.sem(scores))

    assert (found.low, found.high) == pytest.approx(expected)
