"""Equal work of engines: agreement, inputs, tokens and threads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.analysis.equal_work import other_threads, unequal_work, unproven_work
from inference_bench.result import BenchmarkResult, Estimate, Status
from inference_bench.spec import Setup
from inference_bench.testing import make_case
from tests.report_parts import summary


def _speed(engine="auto", threads=2, **worker):
    case = make_case("tiny", "inference_speed", setup=Setup(threads=threads, engine=engine))
    facts = {"busy_threads": threads, "work": {"prompt_ids": "ab", "prompt_tokens": 32, "new_tokens": 8}, **worker}
    return BenchmarkResult(case, Status.OK, model={"engine": engine}, workers=(facts,))


def _agreement(share, low, high, engine="fast", dtype="float32"):
    case = make_case("tiny", "agreement", setup=Setup(dtype=dtype, engine=engine))
    of = summary("top1_agreement", "passages", score=Estimate(share, low, high))
    return BenchmarkResult(case, Status.OK, (of,), model={"engine": engine})


def test_the_same_work_gives_no_reason():
    assert unequal_work([_speed()], [_speed("fast"), _agreement(0.999, 0.99, 1)]) == ()


@pytest.mark.parametrize(
    ("dtype", "share", "high", "is_garbage"),
    [
        ("float32", 1.0, 1.0, False),
        ("float32", 0.97, 0.99, False),  # the interval reaches what is expected
        ("float32", 0.9, 0.95, True),
        ("bfloat16", 0.95, 0.97, False),
        ("bfloat16", 0.5, 0.6, True),
        ("q4_1", 0.8, 0.9, False),
        ("int8_dynamic", 0.41, 0.46, False),
        ("q4_1", 0.02, 0.05, True),
    ],
)
def test_garbage_is_told_by_agreement(dtype, share, high, is_garbage):
    reasons = unequal_work([_speed()], [_agreement(share, share - 0.03, high, dtype=dtype)])
    assert bool(reasons) is is_garbage
    assert all(f"{share:.0%} of positions" in reason and reason.startswith("fast") for reason in reasons)


def test_other_prompts_and_other_numbers_of_tokens():
    assert unequal_work([_speed()], [_speed("fast", work={"prompt_ids": "cd", "new_tokens": 7})]) == (
        "fast: new tokens 7, not 8",
        "fast: prompt ids cd, not ab",
    )


def test_more_threads_than_asked_for_on_either_side():
    assert unequal_work([_speed(busy_threads=4)], [_speed("fast")]) == ("auto: 4 threads computed, asked for 2",)
    ignoring = _speed("fast", busy_threads=4, usage={"cpu_ns": 39, "wall_ns": 10})
    assert unequal_work([_speed()], [ignoring]) == ("fast: 4 threads computed with the time of 3.9 CPUs, asked for 2",)
    assert unequal_work([_speed()], [_speed("fast", busy_threads=3)]) == ("fast: 3 threads computed, asked for 2",)
    assert unequal_work([_speed()], [_speed("fast", busy_threads=1)]) == ()  # an idle thread makes nothing faster


def test_threads_that_take_turns_are_shown_but_are_not_more_work():
    in_turn = _speed("fast", busy_threads=3, usage={"cpu_ns": 20, "wall_ns": 10})
    assert unequal_work([_speed()], [in_turn]) == ()
    (line,) = other_threads([_speed(), in_turn])
    assert line == "Threads: fast: 3 threads computed with the time of 2.0 CPUs, asked for 2"
    assert list(other_threads([_speed(), _speed("fast")])) == []


def test_without_agreement_nothing_is_proven():
    speed = replace(_speed("fast"), summaries=(summary("ttft"),))
    assert list(unproven_work([speed])) == ["Equal work is not proven for fast: add --benchmark agreement"]
    assert list(unproven_work([_agreement(1, 1, 1)])) == []
    of_one = replace(speed, case=make_case("tiny", "inference_speed", setup=Setup(engine="fast")))
    assert list(unproven_work([of_one, _agreement(1, 1, 1)])) == []
    failed = replace(_agreement(1, 1, 1), summaries=())
    assert list(unproven_work([of_one, failed]))


def test_two_models_and_one_engine_are_not_asked_for_equal_work():
    garbage = _agreement(0.1, 0.05, 0.15)
    other = replace(_speed(), case=make_case("other", "inference_speed"))
    assert unequal_work([_speed()], [garbage])
    assert unequal_work([_speed("fast")], [garbage]) == ()
    assert unequal_work([other], [garbage]) == ()
    assert unequal_work([], [garbage]) == ()
