"""Which rounds of a search fit into its time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from inference_bench._native import now_ns
from inference_bench.orchestration.search_pace import Pace
from inference_bench.orchestration.search_stages import Stage, stages
from inference_bench.units import NS_PER_S

SECOND = Stage(rounds=1, budget_ns=NS_PER_S)
"""Of turns that take 10 s each, with two cases, where the first stage sampled half as long and took 9 s per turn."""


@pytest.fixture
def pace():
    """Return a function that makes a pace with so many seconds left."""

    def of(left_s: float) -> Pace:
        found = Pace(now_ns() + round(left_s * NS_PER_S))
        found.learn(Stage(1, NS_PER_S // 2), turns=24, took_ns=24 * 9 * NS_PER_S, cases=2)
        return found

    return of


def test_each_stage_samples_twice_as_long_as_the_one_before():
    sampled = [stage.rounds * stage.budget_ns for stage in stages()]

    assert all(later == 2 * earlier for earlier, later in pairwise(sampled))
    assert max(stage.budget_ns for stage in stages()) == 2 * NS_PER_S


def test_the_first_stage_is_begun_whatever_the_time():
    assert Pace(now_ns()).fitting(SECOND, 24) == SECOND


def test_a_round_that_would_not_end_in_time_is_not_begun(pace):
    assert pace(130).fitting(SECOND, 12).rounds == 1
    assert pace(110).fitting(SECOND, 12).rounds == 0
    assert pace(110).refusal(SECOND, 12) == (
        "time spent: another round of 12 set-ups takes some 120 s, more than was left"
    )


def test_of_several_rounds_those_are_measured_that_fit(pace):
    four = Stage(rounds=4, budget_ns=NS_PER_S)

    assert pace(390).fitting(four, 12) == Stage(3, NS_PER_S)
    assert pace(4000).fitting(four, 12) == four
