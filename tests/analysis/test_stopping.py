"""The stopping rule: when it looks, what it accepts, and what stopping early costs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inference_bench.analysis import stopping
from inference_bench.analysis.estimates import median_estimate
from inference_bench.analysis.stopping import Decision, StoppingRule
from inference_bench.errors import InvalidValueError
from inference_bench.spec import Limits

BUDGET_NS = 1000
NARROW = "interval narrow enough"


def limits(**changes: float) -> Limits:
    return Limits(**{"min_samples": 30, "relative_width": 0.02, "budget_ns": BUDGET_NS, "max_samples": 5000, **changes})


def feed(rule: StoppingRule, values, metric: str = "ttft") -> None:
    for value in values:
        rule.observe(metric, int(value))


def drive(rule: StoppingRule, draw, metric: str = "ttft") -> Decision:
    """Observe one value after another until the rule decides."""
    while (decision := rule.decide(0)) is None:
        rule.observe(metric, int(draw()))
    return decision


def normal(seed: int, spread: float):
    rng = np.random.default_rng(seed)
    return lambda: 1e6 * (1 + spread * rng.standard_normal())


def test_constant_samples_stop_at_the_minimum():
    rule = StoppingRule(limits(), ["ttft"])
    feed(rule, [7] * 29)
    assert rule.decide(0) is None
    rule.observe("ttft", 7)
    assert rule.decide(0) == Decision(True, NARROW, {"ttft": True})


def test_quiet_samples_stop_sooner_than_noisy_ones():
    counts = {}
    for spread in (0.01, 0.05):
        rule, draws = StoppingRule(limits(), ["ttft"]), itertools.count()
        draw = normal(0, spread)
        assert drive(rule, lambda draw=draw, draws=draws: (next(draws), draw())[1]).converged
        counts[spread] = next(draws)
    assert counts[0.01] == 30
    assert 100 < counts[0.05] < 400


def test_it_looks_at_geometrically_growing_numbers(monkeypatch):
    looks = []
    monkeypatch.setattr(
        stopping, "median_estimate", lambda values: looks.append(len(values)) or median_estimate(values)
    )
    drive(StoppingRule(limits(max_samples=200), ["ttft"]), normal(0, 0.5))
    assert looks == [30, 38, 48, 60, 75, 94, 118, 148, 185, 200]


def test_halves_that_disagree_go_on():
    rule = StoppingRule(limits(relative_width=0.5), ["ttft"])
    noise = np.random.default_rng(5).normal(1000, 10, 400)
    feed(rule, noise + np.repeat([0, 5], 200))
    assert rule.relative_widths()["ttft"] < 0.01
    assert rule.decide(0) is None
    assert rule.decide(BUDGET_NS) == Decision(False, "time budget spent", {"ttft": False})


def test_every_target_must_meet_the_rule():
    rule = StoppingRule(limits(), ["ttft", "itl"])
    feed(rule, [100] * 40)
    assert rule.decide(0) is None  # no itl yet
    noisy = normal(1, 0.5)
    feed(rule, (noisy() for _ in range(40)), "itl")
    assert rule.decide(0) is None
    assert rule.decide(BUDGET_NS) == Decision(False, "time budget spent", {"ttft": True, "itl": False})


def test_budget_before_the_minimum():
    rule = StoppingRule(limits(), ["ttft"])
    assert rule.decide(BUDGET_NS) == Decision(False, "time budget spent before 30 samples", {"ttft": False})
    feed(rule, [7] * 29)
    assert rule.decide(BUDGET_NS).converged is False


def test_spent_budget_still_grants_what_was_reached():
    rule = StoppingRule(limits(), ["ttft"])
    noisy = normal(2, 0.5)
    feed(rule, (noisy() for _ in range(30)))
    assert rule.decide(0) is None
    feed(rule, [1_000_000] * 1000)
    assert rule.decide(BUDGET_NS) == Decision(True, NARROW, {"ttft": True})


def test_limit_of_samples_of_any_target():
    rule = StoppingRule(limits(max_samples=100), ["ttft", "itl"])
    feed(rule, [5] * 100, "itl")
    assert rule.decide(0) == Decision(False, "limit of 100 samples reached", {"ttft": False, "itl": False})


def test_samples_at_the_clocks_resolution_stop():
    values = [40, 60] * 20  # a relative width of 0.5 that no number of samples narrows
    coarse, fine = StoppingRule(limits(), ["ttft"], resolution_ns=10), StoppingRule(limits(), ["ttft"], resolution_ns=5)
    feed(coarse, values)
    feed(fine, values)
    assert coarse.decide(0) == Decision(True, "spread within the resolution of the clock", {"ttft": True})
    assert fine.decide(0) is None


def test_reasons_of_several_targets_are_told_once_each():
    rule = StoppingRule(limits(), ["ttft", "tpot", "itl"], resolution_ns=10)
    feed(rule, [40, 60] * 15, "itl")
    feed(rule, [1000] * 30, "ttft")
    feed(rule, [2000] * 30, "tpot")
    assert rule.decide(0).reason == f"{NARROW}, spread within the resolution of the clock"


def test_other_metrics_are_passed_over():
    rule = StoppingRule(limits(), ["ttft"])
    feed(rule, [1] * 10_000, "e2e")
    assert rule.decide(0) is None


def test_targets_are_needed():
    with pytest.raises(InvalidValueError, match="at least one metric"):
        StoppingRule(limits(), [])


def test_progress_shows_the_last_look():
    rule = StoppingRule(limits(), ["ttft"])
    assert rule.medians() == rule.relative_widths() == {"ttft": None}
    feed(rule, [8, 10, 12])
    assert (rule.medians(), rule.relative_widths()) == ({"ttft": 10.0}, {"ttft": None})
    noisy = normal(3, 0.5)
    values = [int(noisy()) for _ in range(27)]
    feed(rule, values)
    assert rule.decide(0) is None
    seen = median_estimate(np.array([8, 10, 12, *values]))
    feed(rule, [1] * 5)
    assert rule.medians() == {"ttft": seen.value}
    assert rule.relative_widths() == {"ttft": (seen.high - seen.low) / seen.value}


def test_zero_medians_never_converge_unless_constant():
    rule = StoppingRule(limits(), ["rss_growth"])
    feed(rule, np.random.default_rng(6).permutation(61) - 30, "rss_growth")
    assert rule.decide(0) is None
    assert (rule.medians(), rule.relative_widths()) == ({"rss_growth": 0.0}, {"rss_growth": None})


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_coverage_survives_looking_again_and_again(rho):
    rng = np.random.default_rng(4)
    repetitions, hits, converged = 200, 0, 0
    for _ in range(repetitions):
        state = rng.standard_normal()
        values = []

        def draw(values=values):
            nonlocal state
            state = rho * state + np.sqrt(1 - rho**2) * rng.standard_normal()
            values.append(round(1e6 * (1 + 0.05 * state)))
            return values[-1]

        converged += drive(StoppingRule(limits(), ["ttft"]), draw).converged
        estimate = median_estimate(np.array(values))
        hits += estimate.low <= 1e6 <= estimate.high
    assert converged == repetitions
    assert 0.91 <= hits / repetitions <= 0.995
