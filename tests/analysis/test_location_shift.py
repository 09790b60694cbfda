from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference_bench.analysis.location_shift import (
    few_runs_shift,
    needed_runs,
    paired_shift,
    score_shift,
    separate_shift,
    smallest_effect,
)

FEW = st.lists(st.floats(-5, 5), min_size=4, max_size=9, unique=True)


@given(FEW, FEW)
@settings(max_examples=60, deadline=None)
def test_separate_shift_agrees_with_scipys_exact_mann_whitney(before, after):
    before, after = np.array(before), np.array(after) + 0.123456789
    if len(np.unique(np.r_[before, after])) < len(before) + len(after):
        return
    shift = separate_shift(before, after)

    assert shift.p_above(0) == pytest.approx(
        stats.mannwhitneyu(after, before, alternative="greater", method="exact").pvalue
    )
    assert shift.p_below(0) == pytest.approx(
        stats.mannwhitneyu(after, before, alternative="less", method="exact").pvalue
    )
    assert shift.value == np.median(np.subtract.outer(after, before))


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=12, unique_by=abs))
@settings(max_examples=60, deadline=None)
def test_paired_shift_agrees_with_scipys_exact_signed_ranks(differences):
    differences = np.array(differences) + 0.0123456789
    if len(set(np.round(np.abs(differences), 12))) < len(differences):
        return
    shift = paired_shift(differences)

    assert shift.p_above(0) == pytest.approx(stats.wilcoxon(differences, alternative="greater", method="exact").pvalue)
    assert shift.p_below(0) == pytest.approx(stats.wilcoxon(differences, alternative="less", method="exact").pvalue)


@given(FEW, FEW, st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_the_interval_ends_where_the_test_begins_to_reject(before, after, theta):
    shift = separate_shift(np.array(before), np.array(after))
    low, high = shift.interval()

    assert low <= shift.value <= high
    assert (shift.p_above(theta) <= 0.025) == (low > theta)
    assert (shift.p_below(theta) <= 0.025) == (high < theta)


def test_too_few_runs_have_no_interval_and_one_more_has_one():
    rng = np.random.default_rng(0)
    for paired in (False, True):
        need = needed_runs(0.95, paired=paired, in_rounds=True)
        for n, exists in ((need - 1, False), (need, True)):
            a, b = rng.normal(size=(2, n))
            shift = paired_shift(b - a) if paired else few_runs_shift(a, b)
            assert (shift.interval() is not None) == exists


@pytest.mark.parametrize("n", [6, 10, 20])
def test_intervals_hold_the_truth_at_least_as_often_as_they_say(n):
    rng = np.random.default_rng(n)
    held = {"separate": 0, "paired": 0}
    for _ in range(600):
        a, b = rng.normal(size=n), 0.7 + rng.standard_t(4, n)
        low, high = separate_shift(a, rng.normal(0.7, 1, n)).interval()
        held["separate"] += low <= 0.7 <= high
        low, high = paired_shift(b).interval()
        held["paired"] += low <= 0.7 <= high

    assert held["separate"] / 600 > 0.93
    assert held["paired"] / 600 > 0.93


def test_constant_values_have_an_interval_of_no_width():
    same = np.full(6, 3.0)

    assert separate_shift(same, same).interval() == (0, 0)
    assert separate_shift(same, same).p_above(0) == 1
    assert paired_shift(same - same).interval() == (0, 0)
    assert smallest_effect(separate_shift(same, same)) == 0


def test_one_value_a_side_knows_no_spread():
    assert smallest_effect(separate_shift(np.array([1.0]), np.array([2.0]))) is None
    assert separate_shift(np.array([1.0]), np.array([2.0])).value == 1


def test_the_smallest_effect_is_seen_four_times_out_of_five():
    rng = np.random.default_rng(5)
    effects = [smallest_effect(paired_shift(rng.normal(size=20))) for _ in range(50)]
    effect = float(np.median(effects))
    seen = sum(paired_shift(effect + rng.normal(size=20)).p_above(0) <= 0.025 for _ in range(400))

    assert 0.72 < seen / 400 < 0.88


def test_right_and_wrong_answers_must_convince_mcnemar():
    before, after = np.zeros(400), np.zeros(400)
    before[:100] = after[:100] = 1
    after[100:116] = 1
    before[116:120] = 1
    after[116:120] = 0

    shift = score_shift(before, after, np.ones(400))

    assert shift.value == pytest.approx(12 / 400)
    assert (shift.rises, shift.falls) == (16, 4)
    assert shift.p_above(0) == pytest.approx(stats.binomtest(16, 20, 0.5, "greater").pvalue)
    assert score_shift(before, before, np.ones(400)).p_above(0) == 1


def test_other_scores_get_students_interval_of_the_difference():
    rng = np.random.default_rng(2)
    before = rng.normal(size=50)
    after = before + rng.normal(0.2, 0.3, 50)

    shift = score_shift(before, after, np.ones(50))

    expected = stats.ttest_rel(after, before)
    assert shift.interval() == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert 2 * shift.p_above(0) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("m", "n"), [(3, 3), (3, 5), (6, 6)])
def test_few_runs_agree_with_scipys_welch_test(m, n):
    rng = np.random.default_rng(m + n)
    a, b = rng.normal(0, 1, m), rng.normal(0.5, 2, n)
    shift, expected = few_runs_shift(a, b), stats.ttest_ind(b, a, equal_var=False)

    assert shift.interval() == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert 2 * min(shift.p_above(0), shift.p_below(0)) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("m", "n", "ranks"), [(2, 2, True), (2, 9, True), (3, 3, False), (6, 6, False), (7, 7, True)])
def test_ranks_take_over_where_they_can_decide(m, n, ranks):
    rng = np.random.default_rng(0)

    assert ("ranks" not in few_runs_shift(rng.normal(size=m), rng.normal(size=n)).method) == ranks


def test_equal_runs_are_as_uncertain_as_the_instrument():
    step = 0.02
    shift = few_runs_shift(np.zeros(3), np.full(3, step), step)

    low, high = shift.interval()
    assert low < step < high
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 4) * step / 18**0.5)
