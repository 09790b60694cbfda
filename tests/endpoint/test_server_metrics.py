"""A server's counters, scraped over real connections and parsed by prometheus_client."""

from __future__ import annotations

import os
import time
from itertools import count

import pytest

from inference_bench._native import now_ns
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.server_metrics import (
    PrefixCacheUse,
    ServerMetrics,
    change,
    prefix_cache_use,
    queues,
    scrape,
)
from inference_bench.errors import EndpointError
from tests.endpoint.canned_server import Canned, canned_server

VLLM = """# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="tiny"} 100.0
vllm:prefix_cache_queries_total{engine="1",model_name="tiny"} 20.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="tiny"} 32.0
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
"""


def text(body: str) -> Canned:
    return Canned(body.encode(), content_type="text/plain; version=0.0.4")


def test_values_of_several_labels_are_added_up():
    with canned_server({"/metrics": text(VLLM)}) as server:
        before = now_ns()
        found = scrape(Client(server.address.root))

    assert before <= found.asked_ns <= found.answered_ns <= now_ns()
    assert found.values()["vllm:prefix_cache_queries_total"] == 120
    assert found.values()["vllm:num_requests_running"] == 3


def growing(first: int, step: int):
    numbers = count(first, step)
    return lambda _: text(f"# TYPE a_total counter\na_total {next(numbers)}\n")


def test_a_block_is_scraped_before_during_and_after():
    with canned_server({"/metrics": growing(5, 2)}) as server:
        with ServerMetrics(Client(server.address.root), interval_s=0.001) as metrics:
            while len(metrics.scrapes) < 4 and not metrics.errors:
                pass
        scrapes = len(metrics.scrapes)

    assert scrapes >= 5 and metrics.change() == {"a_total": 2 * (scrapes - 1)}
    assert not metrics.errors


def test_a_server_that_was_started_again_grew_from_zero():
    with canned_server({"/metrics": growing(50, -45)}) as server:
        before, after = (scrape(Client(server.address.root)) for _ in range(2))

    assert change(before, after) == {"a_total": 5}


@pytest.mark.parametrize(
    ("grown", "use"),
    [
        (
            {"vllm:prefix_cache_hits_total": 32.0, "vllm:prefix_cache_queries_total": 120.0},
            PrefixCacheUse(32, 120, "vllm:prefix_cache_hits_total"),
        ),
        (
            {"sglang:cached_tokens_total": 0.0, "sglang:prompt_tokens_total": 9.0},
            PrefixCacheUse(0, 9, "sglang:cached_tokens_total"),
        ),
        (
            {"llamacpp:prompt_tokens_cached_total": 1.0, "llamacpp:prompt_tokens_total": 33.0},
            PrefixCacheUse(1, 34, "llamacpp:prompt_tokens_cached_total"),
        ),
        ({"something_total": 3.0}, None),
    ],
)
def test_hits_of_the_prefix_cache_by_the_names_of_servers(grown, use):
    assert prefix_cache_use(grown) == use


def test_the_queue_at_each_scrape():
    waiting = "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 7.0\n"
    with canned_server({"/metrics": text(VLLM + waiting)}) as server:
        found = scrape(Client(server.address.root))

    (queue,) = queues([found])
    assert (queue.running, queue.waiting) == (3, 7)
    assert found.asked_ns <= queue.time_ns <= found.answered_ns


def test_a_server_that_tells_no_queue_has_none():
    with canned_server({"/metrics": growing(5, 2)}) as server:
        assert queues([scrape(Client(server.address.root))]) == []


def test_a_server_without_metrics_is_an_error_that_a_load_survives():
    with canned_server({}) as server:
        with pytest.raises(EndpointError, match=r"/metrics: got 404 Not Found"):
            scrape(Client(server.address.root))
        with ServerMetrics(Client(server.address.root)) as metrics:
            pass

    assert metrics.change() == {} and len(metrics.errors) == 2


def test_another_text_is_refused_in_one_line():
    with canned_server({"/metrics": text("<html>\n<p>It works</p>\n")}) as server:
        found = scrape(Client(server.address.root))

    with pytest.raises(EndpointError, match=r"/metrics: got .*expected the Prometheus text format") as raised:
        found.values()
    assert "\n" not in str(raised.value)


def test_scrapes_come_from_a_thread_that_gives_way_to_the_others():
    nice = []

    def answer(_):
        nice.extend(os.getpriority(os.PRIO_PROCESS, int(task)) for task in os.listdir("/proc/self/task"))
        return text("a_total 1\n")

    with (
        canned_server({"/metrics": answer}) as server,
        ServerMetrics(Client(server.address.root), interval_s=0.02) as metrics,
    ):
        while len(metrics.scrapes) < 3:
            time.sleep(0.001)

    assert 10 in nice and not metrics.errors
