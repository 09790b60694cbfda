"""Elimination, by simulation: true times are known, and so is whether the right set-up remained."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference_bench.analysis.elimination import Chance, Elimination

STAGES = (1, 1, 1, 2, 4, 8)


def eliminate(truth, chance_of_round, random, chance=None, stages=STAGES):
    """Return an elimination that has ended and the number of measured times; a drift multiplies each round."""
    search = Elimination(list(truth), chance or Chance())
    measured = 0
    for rounds in stages:
        for _ in range(rounds):
            drift = random.normal(0, 0.2)
            times = {name: math.exp(truth[name] + drift + random.normal(0, chance_of_round)) for name in search.left}
            measured += len(times)
            search.add_round(times, {})
        search.end_stage()
        if search.is_decided:
            break
    return search, measured


@pytest.mark.parametrize("chance_of_round", [0.005, 0.03])
@pytest.mark.parametrize("widest", [0.1, 0.7])
def test_the_best_is_within_the_margin_in_95_of_100(chance_of_round, widest):
    hits, measured = 0, 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        truth = {f"s{number}": float(of) for number, of in enumerate(random.uniform(0, widest, 24))}
        search, taken = eliminate(truth, chance_of_round, random)
        hits += truth[search.left[0]] <= min(truth.values()) + math.log(1.02)
        measured += taken

    assert hits / 200 >= 0.95
    assert measured / 200 < 24 * sum(STAGES) / 3


def test_a_set_up_twice_as_slow_leaves_after_one_round_whatever_the_round_was_like():
    search = Elimination(["fast", "slow"])

    search.add_round({"fast": 30.0, "slow": 60.0}, {})
    search.end_stage()

    assert search.left == ["fast"]
    (departure,) = search.departures
    assert (departure.name, departure.reason, departure.rounds) == ("slow", "slower than the best", 1)
    assert departure.ratio.value == pytest.approx(2)
    assert 1.5 < departure.ratio.low < 2 < departure.ratio.high
    assert search.is_decided


def test_equal_set_ups_both_stay_and_are_decided_once_the_interval_is_narrow():
    search = Elimination(["a", "b"])
    decided = []
    for number in range(40):
        search.add_round({"a": 1 + 0.001 * (number % 2), "b": 1 + 0.001 * (number % 3)}, {})
        search.end_stage()
        decided.append(search.is_decided)

    assert sorted(search.left) == ["a", "b"]
    assert not decided[0]
    assert decided[-1]


def test_a_difference_below_the_floor_lets_nobody_leave():
    times = {"a": 1.0, "b": 1.05}
    for floor, left in ((0.0, ["a"]), (0.1, ["a", "b"])):
        search = Elimination(["a", "b"], Chance(spread=0.001, freedom=100, floor=floor))
        search.add_round(times, {})
        search.end_stage()
        assert search.left == left


def test_the_slower_half_leaves_although_it_is_not_certainly_slower():
    search = Elimination(list("abcd"), Chance(spread=0.2))

    search.add_round({"a": 1.0, "b": 1.01, "c": 1.015, "d": 1.1}, {})
    search.end_stage()

    assert search.left == ["a", "b", "c"]
    assert [of.reason for of in search.departures] == ["in the slower half"]


def test_what_failed_leaves_with_its_reason():
    search = Elimination(["a", "b", "c"])

    search.add_round({"a": 1.0}, {"b": "out of memory"})

    assert search.left == ["a"]
    assert [(of.name, of.reason, of.ratio) for of in search.departures] == [
        ("b", "out of memory", None),
        ("c", "it was not measured", None),
    ]


def test_the_best_may_be_dismissed_and_the_next_one_is_the_best():
    search = Elimination(["a", "b", "c"], Chance(spread=0.001, freedom=100))
    search.add_round({"a": 0.5, "b": 1.0, "c": 1.001}, {})

    search.dismiss("a", "agreement 0.90")
    search.end_stage()

    assert search.left == ["b", "c"]
    assert search.ratios()["c"].value == pytest.approx(1.001)


def test_the_interval_of_a_ratio_holds_the_true_one():
    held = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        search = Elimination(["a", "b"])
        for _ in range(6):
            drift = random.normal(0, 0.1)
            a, b = np.exp(drift + random.normal(0, 0.03, 2)).tolist()
            search.add_round({"a": a, "b": b * math.exp(0.3)}, {})
        held += search.ratios()["b"].low <= math.exp(0.3) <= search.ratios()["b"].high

    assert held / 300 >= 0.93
