from __future__ import annotations

import math

import pytest

from inference_bench.analysis.serving.capacity import PRECISION, Capacity, find_capacity


class Server:
    """Meets its objectives up to a rate; beyond another one, the generator can no longer keep the pace."""

    def __init__(self, capacity, most=math.inf):
        self.capacity, self.most, self.rates = capacity, most, []

    def passes(self, rate):
        self.rates.append(rate)
        return None if rate > self.most else rate <= self.capacity


@pytest.mark.parametrize("capacity", [1, 7.7, 800, 50_000])
@pytest.mark.parametrize("first", [0.5, 10])
def test_the_capacity_lies_between_both_ends(capacity, first):
    server = Server(capacity)
    found = find_capacity(server.passes, first)
    assert found.rate <= capacity < found.fails_at <= found.rate * PRECISION
    assert len(server.rates) <= 8 + abs(math.log2(capacity / first))
    assert server.rates[0] == first


def test_a_server_that_never_passes_has_no_capacity():
    server = Server(0)
    assert find_capacity(server.passes, 8.0) == Capacity(0, 0.5)
    assert server.rates == [8, 4, 2, 1, 0.5]


def test_the_limit_of_the_generator_ends_the_search():
    """What the server can carry beyond it remains unknown."""
    server = Server(1000, most=100)
    assert find_capacity(server.passes, 16.0) == Capacity(64, math.inf)
    assert server.rates == [16, 32, 64, 128]


def test_a_generator_that_cannot_keep_any_pace_ends_the_search_at_once():
    server = Server(1000, most=5)
    assert find_capacity(server.passes, 16.0) == Capacity(0, math.inf)
    assert server.rates == [16]


def test_what_failed_before_the_generator_did_is_known():
    rates = []

    def passes(rate):
        rates.append(rate)
        return None if rate == 8**0.5 * 2 else rate <= 4

    assert find_capacity(passes, 4.0) == Capacity(4, 8)
    assert len(rates) == 3


def test_a_server_without_any_limit_ends_the_search_too():
    server = Server(math.inf)
    assert math.isinf(find_capacity(server.passes, 1.0).fails_at)
    assert len(server.rates) <= 40
