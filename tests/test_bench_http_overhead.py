"""The account of what serving adds: its arithmetic on planted times, and the whole bench on the example server."""

from __future__ import annotations

import pytest

from bench import http_overhead
from bench.endpoint.overhead import Account, Item, Speeds, accounts
from inference_bench.result import BenchmarkResult
from inference_bench.testing import make_result
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.loads import load_result
from tests.served import served_request, with_both_sides
from tests.tiny_chat import tiny_chat_weights

MS = NS_PER_MS
TOOK = tuple(ms * MS for ms in (1, 1, 2, 3, 12, 33, 4, 5))
"""Each stage of a request, 61 ms; with 2 ms of residual, 63 ms."""


def in_process(**milliseconds: int) -> BenchmarkResult:
    return make_result({metric: [[value * MS] * 3] for metric, value in milliseconds.items()})


def planted(*slow: int) -> Speeds:
    """Plant four requests; those in ``slow`` wait 900 ms longer in the queue, and their tokens come as much later."""
    requests = []
    for n in range(4):
        late_ms = 900 if n in slow else 0
        took = [ns + late_ms * MS if place == 3 else ns for place, ns in enumerate(TOOK)]
        arrivals = [n * NS_PER_S + (ms + late_ms) * MS for ms in (25, 58)]
        request = served_request(n, planned_ns=n * NS_PER_S, token_ns=arrivals)
        requests.append(with_both_sides(request, *took, first_piece_ms=22 + late_ms, residual_ns=2 * MS))
    steps, generate = in_process(ttft=9, tpot=10, e2e=39), in_process(ttft=10, e2e=40)
    load = load_result([requests], rate=10)
    assert steps.samples is not None
    assert generate.samples is not None
    assert load.requests is not None
    return Speeds(steps.samples, generate.samples, load.requests, new_tokens=4)


def test_each_item_is_the_time_that_was_planted() -> None:
    ttft, later, whole = accounts(planted())

    assert (ttft.in_process_ns, ttft.over_http_ns) == (9 * MS, 25 * MS)
    # generate, on the server, dispatch and connect, to the server, queue, handed over, to the client
    assert [item.ns / MS for item in ttft.items] == [1, 2, 2, 2, 3, 3, 3]
    assert (later.in_process_ns, later.over_http_ns) == (10 * MS, 11 * MS)
    assert [item.ns / MS for item in later.items] == [0, 1, 0]
    assert (whole.in_process_ns, whole.over_http_ns) == (39 * MS, 63 * MS)
    assert [item.ns / MS for item in whole.items] == [1, 5, 2, 2, 3, 4, 5]
    assert [each.residual_ns / MS for each in (ttft, later, whole)] == [0, 0, 2]


def test_a_slow_request_moves_nothing() -> None:
    assert list(accounts(planted(2))) == list(accounts(planted()))


def test_the_residual_is_a_share_of_the_difference() -> None:
    account = Account("TTFT", 10, (Item("a", 3), Item("b", -1)), 14)

    assert (account.difference_ns, account.residual_ns, account.unexplained) == (4, 2, 0.5)
    assert Account("TTFT", 10, (), 10).unexplained == 0


def test_a_server_that_tells_nothing_is_said_in_one_line() -> None:
    speeds = planted()
    speeds.requests.server_received_ns[:] = -1

    with pytest.raises(ValueError, match="expected one that mounts RequestsEndpoint"):
        list(accounts(speeds))


def test_the_bench_itemises_a_tiny_model_on_the_example_server(tmp_path, capsys) -> None:
    weights = tiny_chat_weights(tmp_path / "weights")
    words = ["--weights", str(weights), "--runs", "1", "--budget", "0.5", "--input-length", "32", "--new-tokens", "6"]

    code = http_overhead.main(words)

    said = capsys.readouterr().out
    assert code == (0 if said.endswith("all targets met\n") else 1)
    for figure in ("TTFT", "later token", "whole request"):
        assert f"\n{figure} " in f"\n{said}"
    tables = [table.splitlines() for table in said.split("\n\n")[:3]]
    for _, first, *items, last in tables:
        numbers = [float(line[60:70]) for line in (first, *items, last)]
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.001 * len(numbers))
