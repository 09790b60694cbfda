"""The judgement of one new run, on seeded simulations of what machines do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.analysis.comparison_result import Verdict, word
from inference_bench.analysis.prediction_interval import (
    FEWEST_RUNS,
    LEVEL,
    WINDOW,
    Basis,
    Figures,
    Judgement,
    allow_for_processes,
    judgement_word,
    predict,
)
from inference_bench.metrics import METRICS, Better

SPREAD = 0.02
"""Standard deviation between runs, on the log scale."""


def verdicts(count, n, *, change=1.0, comparisons=1, noise=None, seed=0, **how):
    """Judge ``count`` new runs, changed by a factor, each by n earlier runs of its own."""
    generator = np.random.default_rng(seed)
    noise = noise or (lambda shape: SPREAD * generator.standard_normal(shape))
    runs = 50_000 * np.exp(noise((count, n + 1)))
    of = Figures(comparisons, **how)
    return [predict(row[-1] * change, list(row[:-1]), of).judgement for row in runs]


def share(found, *judgements):
    return sum(each in judgements for each in found) / len(found)


def alarms(found):
    return share(found, Judgement.SUSPECT, Judgement.WORSE)


@pytest.mark.parametrize("n", [8, 9, 12, 19, 30, 50])
def test_unchanged_code_gives_an_alarm_no_more_often_than_the_level(n):
    found = verdicts(3000, n)

    # Five standard errors of the share of 3,000.
    assert alarms(found) <= LEVEL + 5 * (LEVEL * (1 - LEVEL) / 3000) ** 0.5
    assert alarms(found) >= LEVEL / 4
    assert share(found, Judgement.WORSE) <= LEVEL / 2
    assert share(found, Judgement.BETTER) <= LEVEL


@pytest.mark.parametrize("n", [8, 19, 50])
def test_many_comparisons_share_one_level(n):
    assert 20 * alarms(verdicts(4000, n, comparisons=20)) <= 4 * LEVEL


@pytest.mark.parametrize(("n", "change"), [(8, 1.2), (19, 1.12), (50, 1.1)])
def test_a_large_slowdown_is_found(n, change):
    assert alarms(verdicts(500, n, change=change)) > 0.95
    assert share(verdicts(500, n, change=1 / change), Judgement.BETTER) > 0.8


def test_more_history_sharpens_the_judgement():
    shares = [alarms(verdicts(1000, n, change=1.06)) for n in (8, 19, 50)]

    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.2


@pytest.mark.parametrize("n", [8, 19, 50, 200])
@pytest.mark.parametrize("outlier", [1.52, 3, 1000])
@pytest.mark.parametrize("place", [0, -1])
def test_one_slow_run_in_the_history_hides_no_slowdown_but_leaves_a_doubt(n, outlier, place):
    generator = np.random.default_rng(n)
    earlier = list(50_000 * np.exp(SPREAD * generator.standard_normal(n)))
    earlier[place] *= outlier

    found = predict(50_000 * 1.4, earlier)

    in_window = n <= WINDOW or place == -1
    assert found.judgement is (Judgement.SUSPECT if in_window else Judgement.WORSE)
    assert found.as_bad == in_window
    assert predict(50_000, earlier).judgement is Judgement.OK


def test_beyond_the_interval_but_not_by_the_margin_is_suspect():
    earlier = [1000.0 + number for number in range(19)]
    high = predict(1009, earlier).high

    assert predict(high * 1.005, earlier).judgement is Judgement.SUSPECT
    assert predict(high * 1.011, earlier).judgement is Judgement.WORSE
    assert predict(high * 1.011, earlier, Figures(margin=0.05)).judgement is Judgement.SUSPECT
    assert predict(high * 1.001, earlier, Figures(margin=0)).judgement is Judgement.WORSE


@pytest.mark.parametrize("n", [8, 19, 30, 50])
@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_rarer_second_mode_alarms_no_more_often_than_its_rank_allows(n, rate):
    generator = np.random.default_rng(n)

    def two_modes(shape):
        return 0.3 * (generator.random(shape) < rate) + SPREAD / 4 * generator.standard_normal(shape)

    found = verdicts(1000, n, noise=two_modes)
    assert alarms(found) <= (math.ceil(n / 10) + 1) / (n + 1) + 0.03
    assert share(found, Judgement.WORSE) <= 1 / (n + 1) + 0.02


@pytest.mark.parametrize("n", range(1, FEWEST_RUNS))
def test_too_few_runs_are_no_verdict(n):
    found = predict(10**9, [1000.0] * n)

    assert (found.judgement, found.n, found.high) == (Judgement.UNKNOWN, n, None)


@pytest.mark.parametrize("n", range(1, FEWEST_RUNS))
def test_a_known_spread_takes_the_place_of_too_few_runs(n):
    how = Figures(spread=0.02)

    found = predict(1030, [1000.0] * n, how)
    assert (found.judgement, found.high) == (Judgement.OK, pytest.approx(1000 * math.exp(2.3263 * 0.02), rel=1e-4))
    assert predict(1055, [1000.0] * n, how).judgement is Judgement.SUSPECT
    assert predict(1065, [1000.0] * n, how).judgement is Judgement.WORSE


def test_enough_runs_are_their_own_spread():
    assert predict(1065, [1000.0 + number for number in range(8)], Figures(spread=0.5)).judgement is Judgement.WORSE


def test_equal_figures_allow_the_resolution():
    clock = Figures(resolution=1.0)

    assert predict(51, [50.0] * 20, clock).judgement is Judgement.OK
    assert predict(60, [50.0] * 20, clock).judgement is Judgement.WORSE
    assert predict(100_100, [100_000.0] * 20, clock).judgement is Judgement.OK


def test_only_the_last_runs_count():
    found = predict(1000, [100.0] * 500 + [1000.0] * WINDOW)

    assert (found.judgement, found.n, found.middle) == (Judgement.OK, WINDOW, pytest.approx(1000))


def test_after_a_change_of_level_the_new_level_counts_once_it_has_runs_enough():
    old = [1000.0 + number % 7 for number in range(30)]
    new = [900.0 + number % 7 for number in range(12)]

    few, enough = predict(950, [*old, *new[:5]]), predict(950, [*old, *new])
    assert (few.judgement, few.n, few.passed_over) == (Judgement.OK, 35, 0)
    assert (enough.judgement, enough.n, enough.passed_over) == (Judgement.WORSE, 12, 30)


def test_a_prediction_has_its_numbers():
    found = predict(2000, [1000.0 + i for i in range(19)])

    assert found.relative
    assert found.change == pytest.approx(2000 / 1009 - 1)
    assert found.middle == pytest.approx(1009)
    assert found.low < 1000 < 1018 < found.high < 1100
    assert (found.n, found.as_bad) == (19, 0)


def test_figures_that_may_be_zero_or_negative_are_compared_by_their_difference():
    earlier = [-4096.0, 0.0, 4096.0, 0.0, 0.0, 8192.0, 0.0, -8192.0, 0.0, 4096.0]
    page = Figures(relative=False, resolution=4096)

    assert predict(4096, earlier, page).judgement is Judgement.OK
    found = predict(1e6, earlier, page)
    assert (found.judgement, found.relative, found.change, found.middle) == (Judgement.WORSE, False, 1e6, 0)
    assert predict(1e6, [abs(value) + 1 for value in earlier], page).relative is False
    assert predict(0.0, [1000.0] * 10).relative is False


@pytest.mark.parametrize("n", [1, 3, 20])
def test_any_change_of_exact_figures_counts(n):
    accuracy = Figures(higher_is_worse=False, relative=False, exact=True, comparisons=9)

    assert predict(0.6, [0.6] * n, accuracy).judgement is Judgement.OK
    assert predict(0.6 + 1e-12, [0.6] * n, accuracy).judgement is Judgement.OK
    assert predict(0.599, [0.6] * n, accuracy).judgement is Judgement.SUSPECT
    assert predict(0.59, [0.6] * n, accuracy).judgement is Judgement.WORSE
    assert predict(0.601, [0.6] * n, accuracy).judgement is Judgement.BETTER


def test_exact_figures_that_were_not_always_the_same_are_judged_by_their_spread():
    accuracy = Figures(higher_is_worse=False, relative=False, exact=True)

    assert predict(0.59, [0.6, 0.61, 0.6], accuracy).judgement is Judgement.UNKNOWN
    assert predict(0.59, [0.6, 0.61, 0.59] * 5, accuracy).judgement is Judgement.OK
    assert predict(0.3, [0.6, 0.61, 0.59] * 5, accuracy).judgement is Judgement.WORSE


@pytest.mark.parametrize("tag", METRICS)
def test_every_metric_worsens_in_its_own_direction_and_words(tag):
    metric = METRICS[tag]
    higher_is_worse = metric.better is Better.LOWER
    how = Figures(higher_is_worse=higher_is_worse)
    earlier = [1000.0 + number for number in range(20)]
    up, down = predict(2000, earlier, how), predict(500, earlier, how)

    worse, better = (up, down) if higher_is_worse else (down, up)
    assert (worse.judgement, better.judgement) == (Judgement.WORSE, Judgement.BETTER)
    assert judgement_word(worse.judgement, metric.unit) == word(Verdict.WORSE, metric.unit)
    assert judgement_word(better.judgement, metric.unit) == word(Verdict.BETTER, metric.unit)
    assert judgement_word(Judgement.SUSPECT, metric.unit) == "SUSPECT"


def test_processes_that_were_as_bad_leave_a_doubt():
    worse = predict(2000, [1000.0 + number for number in range(20)])

    assert allow_for_processes(worse, 2, 60) == worse
    assert allow_for_processes(worse, 3, 60).judgement is Judgement.SUSPECT
    fine = predict(1000, [1000.0 + number for number in range(20)])
    assert allow_for_processes(fine, 30, 60) == fine


def test_an_interval_says_where_it_comes_from():
    of_floor = Figures(spread=0.02)
    of_items = Figures(exact=True)

    assert [predict(1.0, [1.0] * n, of_floor).basis for n in (7, 8)] == [Basis.FLOOR, Basis.RUNS]
    assert [predict(1.0, [1.0] * n, of_items).basis for n in (1, 8)] == [Basis.EXACT, Basis.EXACT]
    assert predict(1.0, [1.0]).basis is Basis.NONE


def test_the_detectable_change_is_found_in_four_of_five_runs():
    generator = np.random.default_rng(5)
    found = []
    for _ in range(600):
        *earlier, new = 50_000 * np.exp(SPREAD * generator.standard_normal(51))
        detectable = predict(new, earlier).detectable
        found.append(predict(new * (1 + detectable), earlier).judgement.is_alarm)

    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    assert predict(1.0, [1.0]).detectable is None
