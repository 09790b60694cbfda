"""Changes within several machines: exact figures, what is pooled and what is not, and error rates by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from bench.sweep_blocks import blocks, rates, split_by_processes
from inference_bench.analysis.comparison import Contest, compare, compare_all
from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict
from inference_bench.analysis.machine_evidence import shift_over_machines
from inference_bench.analysis.observations import CaseFailure, Observations, Side
from inference_bench.plan import Case
from inference_bench.spec import Setup

MS = 1e6
SPEEDS = {"n1": 1.0, "n2": 1.3, "n3": 0.8, "n4": 1.1}


def case(length: int = 32) -> Case:
    return Case("tiny", "inference_speed", Setup(), {"input_length": length})


def seen(
    ms: float, machine: str, spread: float = 0.0, of: Case | None = None, metric: str = "ttft", grade: str = ""
) -> Observations:
    """Six processes around a time; their median is exactly that time."""
    steps = (-2, -1, 0, 0, 1, 2)
    values = {(f"run on {machine}", number): ms * MS * math.exp(spread * step) for number, step in enumerate(steps)}
    return Observations(of or case(), metric, "", values, grade=grade, machine=machine)


def side(name: str, *observations: Observations, failures: tuple[CaseFailure, ...] = ()) -> Side:
    return Side(name, observations, failures)


def before_and_after(changes: dict[str, float]) -> tuple[Side, Side]:
    return (
        side("A", *(seen(10 * SPEEDS[machine], machine, 0.002) for machine in changes)),
        side("B", *(seen(10 * SPEEDS[machine] * (1 + by), machine, 0.002) for machine, by in changes.items())),
    )


def only(found: Comparisons) -> Comparison:
    (row,) = found.rows
    return row


def test_the_change_is_the_mean_within_machines_with_students_t_over_them() -> None:
    logs = np.log([1.02, 1.03, 1.01])
    reach = stdtrit(2, 0.975) * logs.std(ddof=1) / math.sqrt(3)

    row = only(compare(*before_and_after({"n1": 0.02, "n2": 0.03, "n3": 0.01})))

    assert (row.replicate, row.runs) == ("machine", (3, 3))
    assert row.change == pytest.approx(math.expm1(logs.mean()))
    assert (row.low, row.high) == pytest.approx((math.expm1(logs.mean() - reach), math.expm1(logs.mean() + reach)))
    assert row.machines == pytest.approx({"n1": 0.02, "n2": 0.03, "n3": 0.01})
    assert row.values == pytest.approx((10 * MS, 10.2 * MS))  # of the middle machine
    assert "Student's t over machines" in row.method


def test_verdicts_follow_the_same_rules_as_those_of_runs() -> None:
    clear = {"n1": 0.05, "n2": 0.052, "n3": 0.048, "n4": 0.051}
    small = {"n1": 0.001, "n2": 0.002, "n3": 0.0, "n4": 0.001}
    mixed = {"n1": 0.05, "n2": -0.04, "n3": 0.02, "n4": 0.0}

    assert only(compare(*before_and_after(clear))).verdict is Verdict.WORSE
    assert only(compare(*before_and_after(small))).verdict is Verdict.SAME
    assert only(compare(*before_and_after(mixed))).verdict is Verdict.INCONCLUSIVE
    assert only(compare(*before_and_after(clear), floor=lambda _: 0.1)).verdict is Verdict.SAME
    assert "machines would settle it" in only(compare(*before_and_after(mixed))).reason


def test_a_floor_raises_the_margin_but_hides_no_certain_direction() -> None:
    """The drift of each machine is in the spread over machines, as chance is in that of pairs."""
    row = only(compare(*before_and_after({"n1": 0.02, "n2": 0.021, "n3": 0.019}), floor=lambda _: 0.018))

    assert (row.verdict, row.margin_source) == (Verdict.WORSE_OPEN, "A/A floor")


def test_one_machine_in_common_gives_its_own_interval() -> None:
    before = side("A", seen(10, "n1", 0.002), seen(13, "n2", 0.002))
    after = side("B", seen(11, "n1", 0.002), seen(8, "n3", 0.002))

    found = compare(before, after)
    row = only(found)

    assert (row.replicate, row.runs, row.verdict) == ("run", (6, 6), Verdict.WORSE)
    assert row.change == pytest.approx(0.1)
    assert row.machines == pytest.approx({"n1": 0.1})
    assert found.unmatched == ("only in A: machine n2", "only in B: machine n3")


def test_figures_of_different_machines_never_pair() -> None:
    found = compare(side("A", seen(10, "n1")), side("B", seen(10, "n2")))

    assert found.rows == ()
    assert found.unmatched == ("only in A: machine n1", "only in B: machine n2")


def test_a_case_that_one_machine_lacks_is_pooled_over_the_others() -> None:
    before, after = before_and_after({"n1": 0.02, "n2": 0.03, "n3": 0.01})
    after = side("B", *after.observations[:2], failures=(CaseFailure(case(), "timeout", "n3"),))

    found = compare(before, after)

    assert only(found).runs == (2, 2)
    assert found.regressions == (f"B: {case().slug} on n3: timeout",)


def test_a_failure_on_a_machine_that_the_baseline_lacks_is_no_regression() -> None:
    before, after = before_and_after({"n1": 0.0, "n2": 0.0})
    after = side("B", *after.observations, failures=(CaseFailure(case(), "timeout", "n9"),))

    assert compare(before, after).regressions == ()


def test_equal_shifts_are_not_certain_beyond_the_instruments() -> None:
    assert shift_over_machines(np.array([0.0, 0.0])).error == 0
    assert shift_over_machines(np.array([0.0, 0.0]), step=0.01).error == pytest.approx(0.01 / math.sqrt(12))


def test_scores_of_items_count_once() -> None:
    answers = {f"q{place}": (float(place < 100), 1.0) for place in range(200)}
    fewer = {f"q{place}": (float(place < 60), 1.0) for place in range(200)}
    observed = [
        side(name, *(Observations(case(), "accuracy", "quiz", scores=of, machine=machine) for machine in ("n1", "n2")))
        for name, of in (("A", answers), ("B", fewer))
    ]

    row = only(compare(*observed))

    assert (row.replicate, row.runs, row.verdict) == ("item", (200, 200), Verdict.WORSE)
    assert list(row.machines) == ["n1"]


def test_sizes_that_may_be_zero_are_pooled_as_differences() -> None:
    before = side("A", *(seen(0, machine, metric="rss_growth") for machine in ("n1", "n2", "n3")))
    after = side("B", *(seen(1, machine, metric="rss_growth") for machine in ("n1", "n2", "n3")))

    row = only(compare(before, after))

    assert (row.relative, row.replicate, row.verdict) == (False, "machine", Verdict.WORSE)
    assert row.change == pytest.approx(MS)


def test_the_worst_grade_on_any_machine_counts() -> None:
    before = side("A", seen(10, "n1", grade="A"), seen(10, "n2", grade="C"))
    after = side("B", seen(10, "n1", grade="B"), seen(10, "n2", grade="A"))

    assert only(compare(before, after)).grades == ("C", "B")


def test_unequal_work_withholds_the_verdict_over_machines() -> None:
    before, after = before_and_after({"n1": 0.05, "n2": 0.05})
    (found,) = compare_all([Contest(before, after, unequal=lambda a, b: ["B computed garbage"])])

    assert (only(found).verdict, found.is_withheld, found.machines) == (Verdict.WITHHELD, True, [])


# ---- across machines


def across(before: Side, after: Side) -> Comparison:
    (found,) = compare_all([Contest(before, after, across_machines=True)])
    return only(found)


def test_across_machines_each_machine_is_one_figure() -> None:
    before = side("A", seen(10, "n1"), seen(10.1, "n2"), seen(9.9, "n3"))
    after = side("B", seen(20, "n4"), seen(20.2, "n5"), seen(19.8, "n6"))

    row = across(before, after)

    assert (row.replicate, row.runs, row.verdict) == ("machine", (3, 3), Verdict.WORSE)
    assert row.change == pytest.approx(1.0)
    assert row.machines == {}


def test_two_machines_on_each_side_do_not_tell() -> None:
    before, after = side("A", seen(10, "n1"), seen(10, "n2")), side("B", seen(20, "n3"), seen(20, "n4"))

    row = across(before, after)

    assert (row.verdict, row.low) == (Verdict.INCONCLUSIVE, None)
    assert row.reason == "cannot tell from 2 and 2 machines: needs 3 each"


def test_one_machine_against_another_counts_processes() -> None:
    row = across(side("A", seen(10, "n1")), side("B", seen(20, "n2")))

    assert (row.replicate, row.runs, row.verdict) == ("run", (6, 6), Verdict.WORSE)


# ---- error rates, by the bench that shows them


@pytest.mark.parametrize("nodes", [4, 6])
def test_within_machines_false_alarms_keep_the_level_and_a_change_of_2_percent_is_found(nodes: int) -> None:
    found = rates(blocks, nodes, 400)

    assert found.false_alarms <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert found.found >= {4: 0.85, 6: 0.95}[nodes]


def test_processes_of_different_machines_counted_alike_feign_changes() -> None:
    assert rates(split_by_processes, 6, 100).false_alarms > 0.3
