"""Sampling of requests by the cost of recording."""

from __future__ import annotations

from inference_bench.live.sampling import Sampling


def test_sampling_backs_off_while_over_budget_and_returns():
    sampling = Sampling(budget=0.01)
    sampling.running, sampling.record_ns = True, 100.0

    for _ in range(3):
        sampling.weigh(records=1_000_000, cpu_ns=0, wall_ns=1_000_000_000)
    assert (sampling.every, sampling.lowered, sampling.cost().over_budget) == (8, 3, True)
    assert [sampling.next()[1] for _ in range(16)].count(True) == 2

    for _ in range(50):
        sampling.weigh(records=0, cpu_ns=0, wall_ns=1_000_000_000)
    assert (sampling.every, sampling.cost().over_budget) == (1, False)
