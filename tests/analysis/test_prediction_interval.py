"""The judgement of one new run, on seeded simulations of what machines do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.analysis.prediction_interval import FEWEST_RUNS, LEVEL, WINDOW, Judgement, predict, qn_scale

SPREAD = 0.02
"""Standard deviation between runs, on the log scale."""


def verdicts(count, n, *, change=1.0, comparisons=1, noise=None, seed=0):
    """Judge ``count`` new runs, changed by a factor, each by n earlier runs of its own."""
    generator = np.random.default_rng(seed)
    noise = noise or (lambda shape: SPREAD * generator.standard_normal(shape))
    runs = 50_000 * np.exp(noise((count, n + 1)))
    return [predict(row[-1] * change, list(row[:-1]), comparisons).judgement for row in runs]


def share(found, judgement):
    return sum(each is judgement for each in found) / len(found)


@pytest.mark.parametrize("n", [8, 9, 12, 19, 30, 50])
def test_unchanged_code_is_called_slower_no_more_often_than_the_level(n):
    found = verdicts(2000, n)

    # Five standard errors of the share of 2,000.
    assert share(found, Judgement.SLOWER) <= LEVEL + 5 * (LEVEL * (1 - LEVEL) / 2000) ** 0.5
    assert share(found, Judgement.FASTER) <= LEVEL + 5 * (LEVEL * (1 - LEVEL) / 2000) ** 0.5
    assert share(found, Judgement.SLOWER) >= LEVEL / 4


@pytest.mark.parametrize("n", [8, 19, 50])
def test_many_comparisons_share_one_level(n):
    alarms = share(verdicts(4000, n, comparisons=20), Judgement.SLOWER)

    assert 20 * alarms <= 2 * LEVEL


@pytest.mark.parametrize(("n", "change"), [(8, 1.15), (19, 1.1), (50, 1.09)])
def test_a_slowdown_of_five_spreads_is_found(n, change):
    assert share(verdicts(500, n, change=change), Judgement.SLOWER) > 0.95
    assert share(verdicts(500, n, change=1 / change), Judgement.FASTER) > 0.95


def test_more_history_sharpens_the_judgement():
    shares = [share(verdicts(1000, n, change=1.05), Judgement.SLOWER) for n in (8, 19, 50)]

    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.05


@pytest.mark.parametrize("n", [8, 19, 50, 200])
@pytest.mark.parametrize("outlier", [1.52, 3, 1000])
@pytest.mark.parametrize("place", [0, -1])
def test_one_slow_run_in_the_history_disables_nothing(n, outlier, place):
    generator = np.random.default_rng(n)
    earlier = list(50_000 * np.exp(SPREAD * generator.standard_normal(n)))
    earlier[place] *= outlier

    assert predict(50_000 * 1.5, earlier).judgement is Judgement.SLOWER
    assert predict(50_000, earlier).judgement is Judgement.WITHIN


@pytest.mark.parametrize("n", [8, 19, 30, 50])
@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_rarer_second_mode_alarms_no_more_often_than_its_rank_allows(n, rate):
    generator = np.random.default_rng(n)

    def two_modes(shape):
        return 0.3 * (generator.random(shape) < rate) + SPREAD / 4 * generator.standard_normal(shape)

    bound = (math.ceil(n / 10) + 1) / (n + 1)
    assert share(verdicts(1000, n, noise=two_modes), Judgement.SLOWER) <= bound + 0.03


def test_heavy_tails_are_no_more_than_a_few_alarms():
    generator = np.random.default_rng(4)

    found = verdicts(2000, 30, noise=lambda shape: SPREAD * generator.standard_t(3, shape))

    assert share(found, Judgement.SLOWER) <= 1.5 * LEVEL


@pytest.mark.parametrize("n", range(1, FEWEST_RUNS))
def test_too_few_runs_are_no_verdict(n):
    found = predict(10**9, [1000.0] * n)

    assert (found.judgement, found.n, found.high_ns) == (Judgement.UNKNOWN, n, None)


def test_equal_medians_allow_the_clocks_resolution():
    assert predict(51, [50.0] * 20).judgement is Judgement.WITHIN
    assert predict(60, [50.0] * 20).judgement is Judgement.SLOWER
    assert predict(100_100, [100_000.0] * 20).judgement is Judgement.WITHIN


def test_only_the_last_runs_count():
    found = predict(1000, [100.0] * 500 + [1000.0] * WINDOW)

    assert (found.judgement, found.n, found.middle_ns) == (Judgement.WITHIN, WINDOW, pytest.approx(1000))


def test_a_prediction_has_its_numbers():
    found = predict(2000, [1000.0 + i for i in range(19)])

    assert found.ratio == pytest.approx(2000 / 1009)
    assert found.middle_ns == pytest.approx(1009)
    assert found.low_ns < 1000 < 1018 < found.high_ns < 1100
    assert found.beyond == found.n == 19


@pytest.mark.parametrize("n", [*range(2, 13), 49, 50])
def test_qn_estimates_the_standard_deviation_of_normal_values(n):
    generator = np.random.default_rng(n)

    assert np.mean([qn_scale(generator.standard_normal(n)) for _ in range(3000)]) == pytest.approx(1, abs=0.05)
