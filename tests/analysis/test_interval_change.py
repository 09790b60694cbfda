from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from inference_bench.analysis.estimates import mean_estimate, median_estimate, run_medians_estimate
from inference_bench.analysis.interval_change import Answer, Interval, change_of, difference_of, ratio_of
from inference_bench.result import Estimate
from tests.report_parts import summary

RUNS = 600


def interval(estimate: Estimate) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high)


def figure(metric, value, low, high):
    return summary(metric, quantiles={"p50": Estimate(value, low, high, "order statistics")})


def test_the_published_example_of_two_shares():
    """Newcombe 1998, table II, example (a): 56 of 70 against 48 of 80, method 10: 0.0524 to 0.3339."""
    seventy, eighty = (
        mean_estimate(np.repeat([1.0, 0.0], [right, n - right]), np.ones(n)) for right, n in ((56, 70), (48, 80))
    )
    found = difference_of(interval(eighty), interval(seventy))

    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_a_ratio_by_hand():
    found = ratio_of(Interval(4.0, 2.0, 8.0), Interval(2.0, 2.0, 2.0))

    assert (found.value, found.low, found.high) == tuple(map(pytest.approx, (0.5, 0.25, 1.0)))


@pytest.mark.parametrize(("n", "m"), [(6, 6), (12, 40), (40, 40)])
@pytest.mark.parametrize("sigma", [0.02, 0.6])
def test_ratios_of_medians_are_covered(n, m, sigma):
    """Of lognormal times with different spreads; the true ratio is 1.3."""
    rng = np.random.default_rng(n * 100 + m)
    covered = 0
    for _ in range(RUNS):
        a = median_estimate(np.exp(rng.normal(0, sigma, n)))
        b = median_estimate(1.3 * np.exp(rng.normal(0, 2 * sigma, m)))
        if None in (a.low, a.high, b.low, b.high):  # the samples of one side seem to depend on each other
            covered += 1
            continue
        found = ratio_of(interval(a), interval(b))
        covered += found.low <= 1.3 <= found.high

    assert covered / RUNS >= 0.93


@pytest.mark.parametrize("runs", [3, 5, 8])
def test_ratios_of_run_medians_are_covered(runs):
    rng = np.random.default_rng(runs)
    covered = 0
    for _ in range(RUNS):
        a, b = (run_medians_estimate(level * np.exp(rng.normal(0, 0.03, runs))) for level in (1.0, 0.7))
        found = ratio_of(interval(a), interval(b))
        covered += found.low <= 0.7 <= found.high

    assert covered / RUNS >= 0.93


@pytest.mark.parametrize(("p", "q", "n"), [(0.5, 0.5, 40), (0.9, 0.8, 100), (0.98, 0.6, 30)])
def test_differences_of_shares_are_covered(p, q, n):
    rng = np.random.default_rng(n)
    covered = 0
    for _ in range(RUNS):
        a, b = (mean_estimate((rng.random(n) < share).astype(float), np.ones(n)) for share in (p, q))
        found = difference_of(interval(a), interval(b))
        covered += found.low <= q - p <= found.high

    assert covered / RUNS >= 0.93


@pytest.mark.parametrize(
    ("metric", "low", "value", "high", "answer"),
    [
        ("ttft", 68.0, 70.0, 72.0, Answer.BETTER),
        ("ttft", 128.0, 130.0, 132.0, Answer.WORSE),
        ("decode_rate", 128.0, 130.0, 132.0, Answer.BETTER),
        ("decode_rate", 68.0, 70.0, 72.0, Answer.WORSE),
        ("unheard_of", 68.0, 70.0, 72.0, Answer.DIFFERENT),
        ("ttft", 99.9, 100.0, 100.1, Answer.SAME),
        ("ttft", 99.4, 99.5, 99.6, Answer.SAME),
        ("ttft", 95.0, 100.0, 105.0, Answer.OPEN),
    ],
)
def test_answers(metric, low, value, high, answer):
    found = change_of(figure(metric, 100.0, 99.9, 100.1), figure(metric, value, low, high))

    assert (found.answer, found.relative) == (answer, True)
    assert found.size.value == pytest.approx(value / 100)


def test_what_may_be_zero_has_a_difference():
    share = change_of(figure("accuracy", 0.2, 0.1, 0.3), figure("accuracy", 0.6, 0.5, 0.7))
    slope = change_of(figure("leak_slope", 5.0, 4.0, 6.0), figure("leak_slope", 9.0, 8.0, 10.0))
    growth = change_of(figure("rss_growth", 0.0, 0.0, 0.0), figure("rss_growth", 0.0, 0.0, 0.0))

    assert (share.answer, share.relative, share.size.value) == (Answer.BETTER, False, pytest.approx(0.4))
    assert share.size.low == pytest.approx(0.4 - math.hypot(0.1, 0.1))
    assert (slope.answer, slope.relative, slope.size.value) == (Answer.WORSE, False, 4.0)
    assert (growth.answer, growth.relative) == (Answer.SAME, False)


def test_without_an_interval_there_is_no_change():
    known, few = figure("ttft", 100.0, 99.0, 101.0), figure("ttft", 50.0, None, None)

    assert change_of(known, few) is None
    assert change_of(few, known) is None
    assert change_of(known, figure("ttft", 50.0, None, 51.0)) is None
    assert change_of(known, replace(known, level=0.9)) is None


def test_divergence_within_the_rounding_of_float32_is_the_same():
    exact, rounded = figure("kl_divergence", 7e-12, 6.5e-12, 7.5e-12), figure("kl_divergence", 4.1e-7, 3.8e-7, 4.5e-7)
    lossy = figure("kl_divergence", 0.01, 0.009, 0.011)

    within, beyond = change_of(exact, rounded), change_of(exact, lossy)

    assert within is not None
    assert (within.answer, within.relative) == (Answer.SAME, False)
    assert beyond is not None
    assert beyond.answer is Answer.WORSE
