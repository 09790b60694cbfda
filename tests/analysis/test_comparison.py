from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.comparison import Contest, compare, compare_all
from inference_bench.analysis.comparison_result import Verdict, word
from inference_bench.analysis.observations import CaseFailure, Observations, Side
from inference_bench.plan import Case
from inference_bench.reports._pages.verdict_sentence import sentence
from inference_bench.spec import Setup


def case(length=32, benchmark="inference_speed", model="tiny", **setup):
    return Case(model, benchmark, Setup(**setup), {"input_length": length})


def seen(values, metric="ttft", of=None, phase="", session="s", resolution=0.0):
    named = {(session, number): float(value) for number, value in enumerate(values)}
    return Observations(of or case(), metric, phase, named, resolution=resolution)


def side(*observations, name="A", failures=()):
    return Side(name, observations, failures)


def runs(median, n=8, spread=0.01, seed=0):
    return median * np.exp(np.random.default_rng(seed).normal(0, spread, n))


def only(before, after, **options):
    (row,) = compare(side(before), side(after, name="B"), **options).rows
    return row


def test_a_clear_slowdown_is_slower_and_the_other_way_round_faster():
    slow, fast = seen(runs(1.1e6)), seen(runs(1e6, seed=1))

    assert only(fast, slow).verdict is Verdict.WORSE
    assert only(slow, fast).verdict is Verdict.BETTER
    assert only(fast, slow).change == pytest.approx(0.1, abs=0.03)
    assert only(fast, slow).low < 0.1 < only(fast, slow).high
    assert word(only(fast, slow).verdict, "ns") == "SLOWER"


def test_where_more_is_better_a_rise_is_better():
    assert only(seen(runs(100), "decode_rate"), seen(runs(130, seed=1), "decode_rate")).verdict is Verdict.BETTER


def test_equal_builds_are_the_same_if_the_runs_suffice_to_say_so():
    assert only(seen(runs(1e6, 12, 0.002)), seen(runs(1e6, 12, 0.002, seed=1))).verdict is Verdict.SAME


def test_one_run_each_cannot_tell_and_says_what_it_takes():
    row = only(seen([1e6]), seen([2e6]))

    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.reason == "cannot tell from 1 and 1 runs: needs 4 each (`run --runs 4`)"
    assert (row.low, row.high, row.p, row.needed_runs) == (None, None, None, 4)


def test_an_interval_across_the_margin_is_inconclusive_and_names_the_runs_that_would_settle_it():
    row = only(seen(runs(1e6, 7, 0.04)), seen(runs(1.02e6, 7, 0.04, seed=1)))

    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.needed_runs > 7
    assert f"about {row.needed_runs} runs of each side" in row.reason


def test_a_difference_within_the_margin_is_no_difference():
    before, after = seen(runs(1e6, 12, 0.001)), seen(runs(1.02e6, 12, 0.001, seed=1))

    assert only(before, after, margin=0.01).verdict is Verdict.WORSE
    assert only(before, after, margin=0.05).verdict is Verdict.SAME
    assert only(before, after, floor=lambda _: 0.04).margin_source == "A/A floor"
    assert only(before, after, floor=lambda _: 0.04).verdict is Verdict.SAME


def test_two_clock_steps_are_no_difference():
    row = only(seen([50] * 6, resolution=6), seen([56] * 6, resolution=6))

    assert (row.verdict, row.margin_source) == (Verdict.SAME, "2 × resolution")


def test_pairs_see_through_a_drift_that_hides_from_separate_runs():
    drift = np.exp(np.linspace(0, 0.5, 12))
    before, after = seen(1e6 * drift * runs(1, 12, 0.002)), seen(1.03e6 * drift * runs(1, 12, 0.002, seed=1))

    assert only(before, after, paired=True).verdict is Verdict.WORSE
    assert only(before, after).verdict is Verdict.INCONCLUSIVE


def test_pairs_count_only_runs_that_both_sides_have():
    before, after = seen(runs(1e6, 8)), seen(runs(1.2e6, 6, seed=1))

    assert only(before, after, paired=True).runs == (6, 6)


def test_zero_and_negative_values_are_compared_by_difference():
    row = only(seen([0, 1, 0, 1, 0, 1], "rss_growth"), seen([1000, 1001, 1002, 1000, 1001, 1002], "rss_growth"))

    assert not row.relative
    assert row.verdict is Verdict.WORSE
    assert row.change == pytest.approx(1000.5, abs=1)
    assert word(row.verdict, "bytes") == "LARGER"


def test_constant_values_are_the_same():
    assert only(seen([7] * 4, "rss_peak_hwm"), seen([7] * 4, "rss_peak_hwm")).verdict is Verdict.SAME


def test_holm_takes_back_what_many_comparisons_show_by_chance():
    noise = [seen(runs(1e6, 5, 0.01, seed), of=case(seed)) for seed in range(2, 40)]
    other = [seen(runs(1e6, 5, 0.01, seed + 100), of=case(seed)) for seed in range(2, 40)]
    noise.append(seen([1.0e6, 1.01e6, 1.02e6, 1.0e6, 1.01e6], of=case(1000)))
    other.append(seen([1.025e6, 1.035e6, 1.045e6, 1.025e6, 1.035e6], of=case(1000)))

    alone = only(noise[-1], other[-1], in_rounds=True)
    among = compare(side(*noise), side(*other), in_rounds=True).rows[-1]

    assert alone.verdict is Verdict.WORSE
    assert among.verdict is Verdict.INCONCLUSIVE
    assert "Holm's correction for 39 comparisons" in among.reason
    assert among.needed_runs >= 6


def test_sides_that_differ_as_a_whole_match_by_the_rest():
    before = side(*(seen(runs(1e6), of=case(n, dtype="float32")) for n in (32, 64)))
    after = side(*(seen(runs(1e6), of=case(n, dtype="bfloat16")) for n in (64, 32)), name="B")

    found = compare(before, after)

    assert found.differing == {"dtype": ("float32", "bfloat16")}
    assert [(row.before.parameters, row.after.parameters) for row in found.rows] == [
        ({"input_length": n}, {"input_length": n}) for n in (32, 64)
    ]


def test_what_one_side_lacks_is_named_and_the_rest_compared():
    before = side(seen(runs(1e6)), seen(runs(1e6), of=case(64)))
    after = side(seen(runs(1e6)), seen(runs(1e6), of=case(128)), name="B")

    found = compare(before, after)

    assert len(found.rows) == 1
    assert [line.split(":")[0] for line in found.unmatched] == ["only in A", "only in B"]
    assert not found.is_worse


def test_other_benchmarks_never_match():
    found = compare(side(seen([1])), side(seen([1], of=case(benchmark="memory_usage"))))

    assert found.rows == ()


def test_a_case_that_fails_only_in_b_is_a_regression():
    before = side(seen(runs(1e6)), seen(runs(1e6), of=case(64)))
    after = side(seen(runs(1e6)), name="B", failures=(CaseFailure(case(64), "crashed: SIGSEGV"),))

    found = compare(before, after)

    assert found.is_worse
    assert found.regressions == (f"B: {case(64).slug}: crashed: SIGSEGV",)


def test_a_baseline_that_failed_is_told_and_the_rest_compared():
    before = side(seen(runs(1e6)), failures=(CaseFailure(case(64), "timeout"),))
    after = side(seen(runs(1e6)), seen(runs(1e6), of=case(64)), name="B")

    found = compare(before, after)

    assert len(found.rows) == 1
    assert not found.is_worse
    assert found.unmatched == (f"A: {case(64).slug}: timeout",)


def answers(right, n=200):
    return Observations(case(), "accuracy", "quiz", scores={f"q{i}": (float(i < right), 1.0) for i in range(n)})


def test_scores_are_compared_item_by_item():
    row = only(answers(150), answers(120))

    assert row.values == (0.75, 0.6)
    assert row.verdict is not Verdict.SAME
    assert row.change == pytest.approx(-0.15)
    assert row.high < 0
    assert only(answers(150), answers(150)).verdict is Verdict.SAME


def test_a_metric_of_unknown_direction_gets_no_verdict_of_better_or_worse():
    row = only(seen(runs(1), "sparkle"), seen(runs(2), "sparkle"))

    assert row.verdict is Verdict.INCONCLUSIVE
    assert "does not know" in row.reason


def test_a_a_comparisons_rarely_cry_wolf_although_runs_differ():
    """Three per cent within a run, two between runs: a test over pooled samples calls every other pair different."""
    rng, alarms = np.random.default_rng(11), 0
    for _ in range(300):
        a, b = np.exp(rng.normal(0, 0.02, (2, 6)))
        alarms += only(seen(a), seen(b), margin=1e-9).verdict in (Verdict.BETTER, Verdict.WORSE)

    assert alarms / 300 <= 0.07


def test_figures_of_detail_cost_the_main_ones_no_power():
    before = [seen([1.0e6, 1.01e6, 1.02e6, 1.0e6, 1.01e6], of=case(1))]
    after = [seen([1.025e6, 1.035e6, 1.045e6, 1.025e6, 1.035e6], of=case(1))]
    for number in range(40):
        before.append(seen(runs(1e6, 5, 0.01, number), "call_time", of=case(1), phase=str(number)))
        after.append(seen(runs(1e6, 5, 0.01, number + 100), "call_time", of=case(1), phase=str(number)))

    main, *detail = compare(side(*before), side(*after), in_rounds=True).rows

    assert main.verdict is Verdict.WORSE
    assert main.p_adjusted == main.p
    assert len(detail) == 40
    assert max(row.p_adjusted / row.p for row in detail) == 40


@pytest.mark.parametrize("n", [3, 5])
def test_few_runs_of_unchanged_code_rarely_differ(n):
    """Three to six processes a side, ten main rows, Holm: at most one table in twenty may make any claim."""
    random, alarms, tables = np.random.default_rng(n), 0, 300
    for _ in range(tables):
        sides = [
            side(
                *(seen(1e6 * np.exp(random.normal(0, 0.02, n)), of=case(length)) for length in range(1, 11)), name=name
            )
            for name in "AB"
        ]
        alarms += any(row.verdict.direction is not None for row in compare(*sides, in_rounds=True).rows)

    assert alarms / tables <= 0.05 + 2 * (0.05 * 0.95 / tables) ** 0.5


def test_three_runs_show_what_is_far_beyond_their_spread():
    row = only(seen(runs(1e6, 3, 0.01)), seen(runs(1.4e6, 3, 0.01, seed=1)), in_rounds=True)

    assert (row.verdict, row.runs) == (Verdict.WORSE, (3, 3))
    assert "Welch's t" in row.method


def test_few_separate_runs_show_their_spread_but_no_drift():
    row = only(seen(runs(1e6, 3, 0.01)), seen(runs(1.4e6, 3, 0.01, seed=1)))

    assert (row.verdict, row.low) == (Verdict.INCONCLUSIVE, None)


def test_a_verdict_on_unequal_work_is_withheld_with_both_figures():
    contest = Contest(
        side(seen(runs(1.1e6)), seen(runs(1e6), of=case(64))),
        side(seen(runs(1e6, seed=1)), seen(runs(2e6, seed=1), of=case(64)), name="B"),
        unequal=lambda before, after: ["B computed garbage"] if before.parameters["input_length"] == 32 else (),
    )
    (found,) = compare_all([contest])
    withheld, other = found.rows

    assert (withheld.verdict, withheld.reason) == (Verdict.WITHHELD, "B computed garbage")
    assert withheld.values == pytest.approx((1.1e6, 1e6), rel=0.02)
    assert np.isnan(withheld.change)
    assert (withheld.low, withheld.high, withheld.p, withheld.p_adjusted, withheld.needed_runs) == (None,) * 5
    assert (other.verdict, found.is_worse, found.is_withheld) == (Verdict.WORSE, True, True)
    assert sentence(found).endswith("in 1 of 2 cases, no verdict in 1 comparison, as the work was not equal")
