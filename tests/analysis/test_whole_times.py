from __future__ import annotations

import pytest

from inference_bench.analysis.observations import Observations, Side
from inference_bench.analysis.whole_times import whole_times
from inference_bench.testing import make_case

SHORT, LONG = make_case(input_length=8, new_tokens=5), make_case(input_length=64, new_tokens=1)
FIRST, SECOND = ("0", 0), ("0", 1)


def test_a_generation_is_its_first_token_and_the_later_ones():
    side = Side(
        "a",
        (
            Observations(SHORT, "ttft", "prefill", {FIRST: 100.0, SECOND: 200.0}),
            Observations(SHORT, "itl", "decode", {FIRST: 10.0, SECOND: 20.0}),
        ),
    )

    assert whole_times(side) == [pytest.approx(140), pytest.approx(280)]


def test_a_short_generation_stands_for_longer_ones():
    side = Side(
        "a",
        (
            Observations(SHORT, "ttft", "prefill", {FIRST: 100.0}),
            Observations(SHORT, "itl", "decode", {FIRST: 10.0}),
        ),
    )

    assert whole_times(side, (31,)) == [pytest.approx(400)]
    assert whole_times(side, (1, 31)) == [pytest.approx(200)]  # the geometric mean of 100 and 400


def test_several_cases_are_their_geometric_mean_and_a_process_without_one_of_them_does_not_count():
    side = Side(
        "a",
        (
            Observations(SHORT, "call_time", "call", {FIRST: 4.0, SECOND: 4.0}),
            Observations(LONG, "ttft", "prefill", {FIRST: 9.0}),
        ),
    )

    assert whole_times(side) == [pytest.approx(6)]


def test_a_failed_case_leaves_no_time():
    observed = (Observations(SHORT, "call_time", "call", {FIRST: 4.0}),)

    assert whole_times(Side("a", observed, ((LONG, "killed"),))) == []
    assert whole_times(Side("a", ())) == []
