"""Between SAME and SLOWER: the direction is certain, the size is not."""

from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.comparison import Contest, compare, compare_all
from inference_bench.analysis.comparison_result import Verdict, spoken, word
from inference_bench.analysis.observations import Observations, Side
from inference_bench.metrics import METRICS, Better, Statistic
from inference_bench.plan import Case
from inference_bench.spec import Setup

OF_PROCESSES = [
    tag for tag, metric in METRICS.items() if metric.derived_from is None and metric.statistic is not Statistic.MAXIMUM
]


def seen(values, metric="ttft", length=32, resolution=0.0):
    case = Case("tiny", "inference_speed", Setup(), {"input_length": length})
    named = {("s", number): float(value) for number, value in enumerate(values)}
    return Observations(case, metric, "", named, resolution=resolution)


def compared(before, after, **options):
    return compare(Side("A", (before,)), Side("B", (after,)), **{"paired": True, **options})


def pairs(change, n=12, spread=0.004, seed=0):
    """Return the values of A and of B, whose changes pair by pair lie around ``change``."""
    rng = np.random.default_rng(seed)
    before = 1000.0 * np.exp(rng.normal(0, 0.05, n))
    return before, before * (1 + change) * np.exp(rng.normal(0, spread, n))


@pytest.mark.parametrize("metric", OF_PROCESSES)
@pytest.mark.parametrize("change", [-0.01, 0.01])
def test_every_metric_has_the_word_for_a_change_of_certain_direction_and_open_size(metric, change):
    (row,) = compared(*(seen(of, metric) for of in pairs(change))).rows

    rises = change > 0
    is_better = rises == (METRICS[metric].better is Better.HIGHER)
    assert row.low > 0 if rises else row.high < 0
    assert row.low < row.margin < row.high if rises else row.low < -row.margin < row.high
    assert row.verdict is (Verdict.BETTER_OPEN if is_better else Verdict.WORSE_OPEN)
    first = {"ns": ("FASTER", "SLOWER"), "bytes": ("SMALLER", "LARGER")}.get(METRICS[metric].unit, ("BETTER", "WORSE"))
    assert word(row.verdict, METRICS[metric].unit) == f"{first[not is_better]}, by how much is open"
    assert "within the margin to beyond it" in row.reason
    assert row.needed_runs > 12


def test_ab_goes_on_and_a_gate_stays_open():
    found = compared(*map(seen, pairs(0.01)))

    assert not found.is_settled
    assert not found.is_worse


def test_with_a_margin_of_zero_any_certain_worsening_is_worse():
    before, after = map(seen, pairs(0.01))

    found = compared(before, after, margin=0.0)

    assert found.rows[0].verdict is Verdict.WORSE
    assert found.is_worse
    assert found.is_settled


def test_the_floor_of_pairs_is_chance_that_of_separate_runs_is_drift():
    before, after = map(seen, pairs(0.015, spread=0.002))
    of_separate = np.full(12, 1000.0) * np.exp(np.random.default_rng(1).normal(0, 0.002, 12))

    paired = compared(before, after, floor=lambda _: 0.02).rows[0]
    drifted = compared(seen(of_separate), seen(of_separate * 1.02), floor=lambda _: 0.02, paired=False).rows[0]
    at_zero = compared(before, after, floor=lambda _: 0.02, margin=0.0).rows[0]
    drifted_at_zero = compared(
        seen(of_separate), seen(of_separate * 1.015), floor=lambda _: 0.02, paired=False, margin=0.0
    ).rows[0]

    assert paired.low > 0
    assert paired.verdict is Verdict.SAME
    assert drifted.low > 0
    assert drifted.verdict is Verdict.INCONCLUSIVE
    assert (at_zero.verdict, at_zero.margin_source) == (Verdict.WORSE, "asked for")
    assert (drifted_at_zero.verdict, drifted_at_zero.margin_source) == (Verdict.SAME, "A/A floor")


def test_less_than_two_steps_of_the_clock_have_no_direction():
    before, after = [100.0] * 8, [*[110.0] * 4, *[113.0] * 4]

    found = compared(seen(before, resolution=6.0), seen(after, resolution=6.0)).rows[0]

    assert found.low > 0
    assert found.verdict is Verdict.INCONCLUSIVE


def test_what_holms_correction_takes_from_a_verdict_leaves_the_direction():
    """Alone it is slower beyond the margin; among twenty others only the direction remains."""
    others = [(seen(b, length=n), seen(a, length=n)) for n in range(1, 21) for b, a in [pairs(0.0, 7, 0.02, seed=n)]]
    clear = tuple(seen(of, length=99) for of in pairs(0.04, 12, 0.005))
    before, after = (Side(name, of) for name, of in zip("AB", zip(*others, clear, strict=True), strict=True))

    rows = compare(before, after, paired=True, margin=0.039).rows

    assert compared(*clear, margin=0.0345).rows[0].verdict is Verdict.WORSE
    assert rows[-1].verdict is Verdict.WORSE_OPEN
    assert rows[-1].p_sign_adjusted <= 0.05 < rows[-1].p_adjusted


def test_the_correction_is_over_all_candidates():
    before, after = (Side(name, (seen(of),)) for name, of in zip("AB", pairs(0.03, 6, 0.001), strict=True))

    alone = compare_all([Contest(before, after, paired=True)])
    among = compare_all([Contest(before, after, paired=True)] * 3)

    assert alone[0].rows[0].p_adjusted == alone[0].rows[0].p
    assert [found.rows[0].p_adjusted for found in among] == pytest.approx([3 * alone[0].rows[0].p] * 3)
    assert [found.rows[0].verdict for found in (*alone, *among)] == [Verdict.WORSE, *[Verdict.INCONCLUSIVE] * 3]


def test_false_claims_of_either_kind_stay_below_the_level():
    """Three rows without a change and three with one within the margin, ten pairs: any false word counts."""
    rng, repetitions, false = np.random.default_rng(3), 400, 0
    shifts = np.array([0.0, 0.0, 0.0, 0.01, 0.01, 0.01])
    for _ in range(repetitions):
        changes = np.exp(shifts[:, None] + rng.normal(0, 0.01, (6, 10)))
        before = Side("A", tuple(seen([1e6] * 10, length=n) for n in range(6)))
        after = Side("B", tuple(seen(1e6 * of, length=n) for n, of in enumerate(changes)))
        words = [row.verdict for row in compare(before, after, paired=True, margin=0.01).rows]
        claimed = any(verdict.direction for verdict in words[:3])
        false += claimed or any(verdict in (Verdict.WORSE, Verdict.BETTER_OPEN) for verdict in words[3:])

    assert false / repetitions <= 0.05 + 2 * (0.05 * 0.95 / repetitions) ** 0.5


def test_a_real_change_gets_its_direction_long_before_its_size():
    found = [
        compared(*(seen(of) for of in pairs(0.015, 10, 0.01, seed=seed))).rows[0].verdict.direction
        for seed in range(40)
    ]

    assert found.count(Verdict.WORSE) >= 30
    assert Verdict.BETTER not in found


def test_the_words_of_sentences():
    assert spoken(Verdict.BETTER_OPEN) == "better by how much is open"
    assert [spoken(verdict) for verdict in (Verdict.WORSE, Verdict.INCONCLUSIVE)] == ["worse", "inconclusive"]
