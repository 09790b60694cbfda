"""A client is judged by the requests and events that it touched, not by how long it stood still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.probe import probe
from inference_bench.model.endpoint.client_limits import MOST_CONNECTIONS, account_of
from inference_bench.model.endpoint.load_client import HttpLoadServer
from inference_bench.model.offered_load import Load
from inference_bench.units import NS_PER_MS, NS_PER_S
from tests.scripted_endpoint import TOKENS, scripted_endpoint
from tests.served import served_request

TTFT_NS, GAP_NS = 20 * NS_PER_MS, 5 * NS_PER_MS
LATE_NS = 3 * NS_PER_MS  # above 1 ms, which is above 5 % of 20 ms


def request(number, *, lag_ns=0, read_lag_ns=20_000, ttft_ns=TTFT_NS):
    planned_ns = NS_PER_S + number * 10 * NS_PER_MS
    token_ns = [planned_ns + ttft_ns + step * GAP_NS for step in range(4)]
    return served_request(number, planned_ns=planned_ns, lag_ns=lag_ns, token_ns=token_ns, read_lag_ns=read_lag_ns)


def load(touched=0, count=100, **how):
    """Return a load of which some requests are touched."""
    return [request(number, **(how if number < touched else {})) for number in range(count)]


def judged(requests, held_up_ns=(), cpu_ns=0):
    return account_of(requests, held_up_ns, cpu_ns)


def test_a_thread_that_stood_still_and_touched_nothing_is_no_limit():
    account = judged(load(), [200 * NS_PER_MS] * 2)

    assert account.limits == ()
    assert "stood still for 39.0% of the load" in account.held_up
    assert account.held_up.endswith("(400 ms, 2 times), which touched 0.00% of the requests and 0.00% of the events")


def test_a_thread_that_hardly_stood_still_is_not_told():
    assert judged(load(), [5 * NS_PER_MS]).held_up == ""


@pytest.mark.parametrize(("touched", "is_limit"), [(1, False), (2, True)])
@pytest.mark.parametrize("how", ["lag_ns", "read_lag_ns"])
def test_a_hundredth_of_the_requests_or_events_may_be_touched(how, touched, is_limit):
    account = judged(load(touched, **{how: LATE_NS}), [100 * NS_PER_MS])

    assert bool(account.limits) is is_limit
    assert bool(account.held_up) is not is_limit
    if is_limit:
        assert account.limits[0].startswith(
            "2.0% of the " + ("requests were sent" if how == "lag_ns" else "events were")
        )


def test_what_is_late_depends_on_the_time_to_the_first_token():
    slow = [request(number, lag_ns=LATE_NS, ttft_ns=100 * NS_PER_MS) for number in range(100)]

    assert judged(slow).limits == ()  # 5 % of 100 ms are 5 ms
    assert judged(load(100, lag_ns=LATE_NS)).limits


def test_events_without_a_stamp_are_touched_where_the_thread_stood_still():
    def unstamped(each, *, stalled):
        pieces = tuple(piece._replace(read_ns=piece.time_ns, stalled=stalled) for piece in each.answer.pieces)
        return replace(each, answer=replace(each.answer, pieces=pieces))

    assert judged([unstamped(each, stalled=False) for each in load()]).limits == ()
    assert judged([unstamped(each, stalled=True) for each in load()]).limits[0].startswith("100.0% of the events")


def test_requests_that_wait_for_a_connection_are_a_limit(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (8, 8))
    together = [request(0) for _ in range(8)]

    assert any("all 8 connections" in limit for limit in judged(together).limits)
    assert MOST_CONNECTIONS > 8


def test_a_load_without_answers_has_no_account_of_its_cpu():
    assert judged([]).cpu is None


def test_the_cpu_time_is_a_share_of_the_load():
    lasted_ns = 99 * 10 * NS_PER_MS + TTFT_NS + 3 * GAP_NS

    assert judged(load(), cpu_ns=lasted_ns // 4).cpu == pytest.approx(0.25)


def test_a_real_load_says_how_much_cpu_its_thread_used():
    with scripted_endpoint() as (url, _):
        address = Address.parse(url)
        client = HttpLoadServer(address, probe(Client(address)), None)
        served = client.carry_out(Load("concurrent", 20, 8, TOKENS, concurrency=2))

    assert served.client_cpu is not None
    assert 0 < served.client_cpu < 1
