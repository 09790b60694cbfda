from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.serving.queue_growth import QueueGrowth, queue_growth


def load_on_one_server(load, n, seed):
    """Return the planned times and the ends of requests of a queue that begins empty, mean service time 1000."""
    rng = np.random.default_rng(seed)
    planned = np.cumsum(rng.exponential(1000 / load, n)).astype(np.int64)
    services = rng.exponential(1000.0, n)
    begun = np.maximum.accumulate(planned - np.concatenate([[0.0], np.cumsum(services)[:-1]]))
    return planned, (begun + np.cumsum(services)).astype(np.int64)


def share_growing(load, n, trials=200):
    return np.mean([queue_growth(*load_on_one_server(load, n, seed)) is not None for seed in range(trials)])


@pytest.mark.parametrize(("load", "n"), [(0.3, 100), (0.5, 200), (0.8, 500), (0.9, 1000)])
def test_a_queue_that_the_server_can_carry_is_rarely_called_growing(load, n):
    assert share_growing(load, n) <= 0.03


@pytest.mark.parametrize(("load", "n"), [(1.1, 2000), (1.3, 300), (2.0, 100)])
def test_a_queue_that_it_cannot_carry_is_called_growing(load, n):
    assert share_growing(load, n) >= 0.9


def test_growth_names_both_ends():
    """One request per unit of time, each answered after as many units as were sent before it."""
    planned = np.arange(80)
    assert queue_growth(planned, planned + planned // 2 + 1) == QueueGrowth(1, 24)


def test_a_steady_queue_and_one_that_drains_do_not_grow():
    planned = np.arange(80)
    assert queue_growth(planned, planned + 10) is None
    assert queue_growth(planned, np.full(80, 80)[::-1] + 1 - planned[::-1]) is None


@pytest.mark.parametrize("planned", [[], [5], [5] * 20, [0, 1000]])
def test_too_few_requests_or_all_at_once_have_no_trend(planned):
    planned = np.array(planned, np.int64)
    assert queue_growth(planned, planned + 1_000_000) is None
