"""A server's metrics over the time of a load, as rows."""

from __future__ import annotations

import zlib

import pytest

from inference_bench.endpoint.server_metrics import Scrape
from inference_bench.endpoint.server_readings import Reading, meaning_of, readings
from inference_bench.errors import EndpointError

TEXT = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0"}} {running}
vllm:num_requests_running{{engine="1"}} 1.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc 0.25
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total {tokens}
# TYPE vllm:seconds histogram
vllm:seconds_bucket{{le="1"}} {tokens}
vllm:seconds_bucket{{le="+Inf"}} {tokens}
vllm:seconds_count {tokens}
vllm:seconds_sum {tokens}
# TYPE python_gc_total counter
python_gc_total {tokens}
# TYPE vllm:fixed gauge
vllm:fixed 7
"""


def scrape(asked_ns, answered_ns, **values):
    return Scrape(asked_ns, answered_ns, zlib.compress(TEXT.format(**values).encode()))


def test_rows_have_the_middle_of_each_scrape_and_the_sum_of_labels():
    found = readings([scrape(100, 200, running=2, tokens=10), scrape(1_100, 1_140, running=3, tokens=30)])

    assert [row for row in found if row.meaning == "running"] == [
        Reading(150, 100, "vllm:num_requests_running", "running", 3.0),
        Reading(1_120, 40, "vllm:num_requests_running", "running", 4.0),
    ]
    assert [row.value for row in found if row.series == "vllm:prompt_tokens_total"] == [10.0, 30.0]


def test_only_what_is_known_or_has_changed_is_kept():
    found = readings([scrape(100, 200, running=2, tokens=10), scrape(1_100, 1_140, running=3, tokens=30)])

    names = {row.series for row in found}
    assert "vllm:kv_cache_usage_perc" in names  # it stood still, and its meaning is known
    assert {"vllm:seconds_count", "vllm:seconds_sum"} <= names
    assert not names & {"vllm:seconds_bucket", "python_gc_total", "vllm:fixed"}


@pytest.mark.parametrize(
    ("series", "meaning"),
    [("llamacpp:requests_deferred", "waiting"), ("sglang:token_usage", "kv_use"), ("mine:requests", "")],
)
def test_the_gauges_of_several_servers_have_one_meaning(series, meaning):
    assert meaning_of(series) == meaning


def test_a_text_in_another_format_is_refused():
    with pytest.raises(EndpointError, match="expected the Prometheus text format"):
        readings([Scrape(1, 2, zlib.compress(b"<html>no</html>"))])
