from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference_bench.analysis.serving.verdicts import judge_slos
from inference_bench.result import SloOutcome
from inference_bench.slo import parse_slo
from tests.analysis.serving.queues import queue, queue_quantile, requests_of

PASS, FAIL, OPEN = SloOutcome.PASS, SloOutcome.FAIL, SloOutcome.OPEN
FAST = np.full(299, 10.0)


def verdict(requests, text="e2e.p99<=20ms"):
    return judge_slos(requests, [parse_slo(text)]).verdicts[0]


# What the verdict is


@pytest.mark.parametrize(
    ("requests", "text", "outcome"),
    [
        (requests_of(FAST), "e2e.p99<=20ms", PASS),
        (requests_of(FAST[:298]), "e2e.p99<=20ms", OPEN),
        (requests_of(FAST), "e2e.p99<=10ms", PASS),
        (requests_of(FAST), "e2e.p99<10ms", FAIL),
        (requests_of(np.full(3, 30.0)), "e2e.p50<=20ms", OPEN),
        (requests_of(np.full(5, 30.0)), "e2e.p50<=20ms", FAIL),
        (requests_of(FAST, failed=0.1), "e2e.p99<=20ms", FAIL),
        (requests_of(FAST, failed=0.1), "failures<=1%", FAIL),
        (requests_of(FAST, failed=0.1), "failures<=20%", PASS),
        (requests_of(FAST[:150], FAST[:149]), "e2e.p99<=20ms", PASS),
    ],
)
def test_an_objective_passes_fails_or_needs_more_data(requests, text, outcome):
    assert verdict(requests, text).outcome is outcome


def test_too_few_requests_are_told_how_many_are_needed():
    found = verdict(requests_of(FAST[:100]))
    assert found.outcome is OPEN
    assert found.reason == "a PASS needs about 299 requests"


def test_a_failed_request_is_not_good_and_the_quantile_can_be_one():
    found = verdict(requests_of(FAST, failed=0.1))
    assert (found.requests, found.good, found.value_ns) == (299, 269, None)
    assert verdict(requests_of(FAST)).value_ns == 10e6


def test_a_request_without_the_figure_counts_against_either_verdict():
    """It may be good or bad, and nobody knows which."""
    known = np.where(np.arange(600) % 20 == 0, np.nan, 10.0)
    assert verdict(requests_of(known)).outcome is OPEN
    assert verdict(requests_of(known)).reason == "30 requests of 600 without a known request_latency"
    assert verdict(requests_of(known), "e2e.p90<=20ms").outcome is PASS
    assert verdict(requests_of(np.where(np.isnan(known), np.nan, 30.0))).outcome is FAIL


def test_a_figure_that_no_request_has_is_named():
    assert verdict(requests_of(FAST), "tpot.p95<=5ms").reason == "299 requests of 299 without a known request_tpot"


def test_a_request_that_was_not_waited_for_counts_against_either_verdict():
    stopped = replace(requests_of(FAST), unseen=np.arange(299) >= 290)
    assert verdict(stopped, "failures<=1%").reason == "9 requests of 299 without a known end"
    assert verdict(stopped, "failures<=20%").outcome is PASS
    assert (verdict(stopped).outcome, verdict(stopped).unknown) == (OPEN, 9)


def test_a_load_that_says_nothing_of_the_server_gives_no_verdict():
    for limit in (5, 20):
        (found,) = judge_slos(requests_of(FAST), [parse_slo(f"e2e.p99<={limit}ms")], "the generator was late").verdicts
        assert (found.outcome, found.reason) == (OPEN, "the generator was late")


def test_a_pass_with_a_growing_queue_is_none():
    """With a longer load the latencies would be longer."""
    rising = requests_of(np.linspace(1, 400, 1000))
    found = judge_slos(rising, [parse_slo("e2e.p99<=500ms"), parse_slo("e2e.p99<=100ms")])
    assert [each.outcome for each in found.verdicts] == [OPEN, FAIL]
    assert found.verdicts[0].reason == found.growth
    assert "the queue grew from 1 to" in found.growth


def test_the_worst_objective_decides():
    found = judge_slos(requests_of(FAST), [parse_slo(f"e2e.p{p}<={limit}ms") for p, limit in ((99, 20), (99.9, 20))])
    assert found.outcome is OPEN
    assert judge_slos(requests_of(FAST), [parse_slo("e2e.p50<=1ms"), parse_slo("e2e.p99<=20ms")]).outcome is FAIL


def test_goodput_is_what_meets_all_objectives_per_second():
    """1,000 requests in some 10 seconds: half of them are slow, a tenth fails."""
    figures = np.tile([10.0, 30.0], 500)
    one = requests_of(figures, failed=0.1, gap_ms=10)
    found = judge_slos(one, [parse_slo("e2e.p50<=20ms"), parse_slo("failures<=50%")]).goodput
    assert found.value == pytest.approx(40, rel=0.01)
    assert found.low < 40 < found.high


def test_goodput_over_runs_has_an_interval_over_runs():
    runs = requests_of(*[np.full(100, 10.0)] * 3, gap_ms=10)
    runs = replace(runs, failed=np.arange(300) < 30)
    found = judge_slos(runs, [parse_slo("failures<=50%")]).goodput
    assert found.value == pytest.approx(100, rel=0.01)
    assert found.low < 90


# How often a verdict is wrong: at the exact quantile neither PASS nor FAIL is right, and either may be given in 5 %


def rates(make, trials=300):
    """Return the shares of PASS and FAIL; ``make`` returns the latencies of each run and their true p99."""
    found = [at_the_limit(make(np.random.default_rng(seed))) for seed in range(trials)]
    return [np.mean([outcome is wanted for outcome in found]) for wanted in (PASS, FAIL)]


def at_the_limit(load):
    runs, limit = load
    return verdict(requests_of(*runs, gap_ms=1e6), f"e2e.p99<={limit:.9f}ms").outcome


def test_verdicts_on_independent_requests_are_rarely_wrong():
    wrong = rates(lambda rng: ([rng.exponential(1.0, 1000)], -np.log(0.01)))
    assert max(wrong) <= 0.07
    assert max(wrong) > 0.01  # not by never giving a verdict


@pytest.mark.parametrize(("load", "n"), [(0.3, 2000), (0.5, 2000), (0.5, 10_000), (0.8, 10_000)])
def test_verdicts_on_requests_of_a_queue_are_rarely_wrong(load, n):
    """The binomial bounds of the requests by themselves are wrong in 15 to 50 % of these loads."""
    assert max(rates(lambda rng: ([queue(load, n, rng)], queue_quantile(load, 0.99)), 200)) <= 0.09


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_verdicts_over_processes_that_differ_are_rarely_wrong(processes):
    """Each process is faster or slower as a whole by some 10 %; the limit is the quantile over all processes."""
    factors = np.exp(np.random.default_rng(0).normal(0, 0.1, 100_000))
    low, high = 1.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.exp(-middle / factors).mean() > 0.01 else (low, middle)

    def make(rng):
        return [rng.exponential(np.exp(rng.normal(0, 0.1)), 400) for _ in range(processes)], high

    assert max(rates(make)) <= 0.08


def test_a_server_that_is_clearly_fast_or_slow_gets_its_verdict():
    load = 0.5
    limit = queue_quantile(load, 0.99)
    runs = [queue(load, 2000, np.random.default_rng(seed)) for seed in range(3)]
    assert verdict(requests_of(*runs, gap_ms=1e6), f"e2e.p99<={2 * limit:.6f}ms").outcome is PASS
    assert verdict(requests_of(*runs, gap_ms=1e6), f"e2e.p99<={limit / 2:.6f}ms").outcome is FAIL
