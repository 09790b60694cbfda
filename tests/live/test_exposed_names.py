"""Names that clash in an exporter are refused when the series is made, and what is taken reads back."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from inference_bench.errors import InvalidValueError
from inference_bench.live import Profiler
from inference_bench.live.prometheus import PrometheusCollector

NAMES = ["a", "a.b", "a_b", "a_total", "a.total", "a_created", "a_seconds", "a_bucket", "a_count", "a_seconds_sum", "A"]
OWN = [
    *("mark", "span", "span_seconds", "profiler_duty", "profiler_running", "profiler_records", "profiler_lost_records"),
    *("profiler_sample_every", "profiler_memory_bytes", "mark_total", "profiler.duty", "span_seconds_bucket"),
]
KINDS = {
    "counter": lambda profiler, name, **labels: profiler.counter(name, **labels).inc(),
    "gauge": lambda profiler, name, **labels: profiler.gauge(name, **labels).set(1),
    "histogram": lambda profiler, name, **labels: profiler.histogram(name, **labels).observe_ns(5),
}


def families(profiler):
    registry = CollectorRegistry()
    registry.register(PrometheusCollector(profiler))
    return list(text_string_to_metric_families(generate_latest(registry).decode()))


@pytest.mark.parametrize(("first", "second"), list(product(KINDS, repeat=2)))
def test_any_two_names_are_one_series_or_refused_or_readable(first, second):
    for one, other in product(NAMES, NAMES):
        with Profiler("svc", max_series=32) as profiler:
            KINDS[first](profiler, one)
            with suppress(InvalidValueError):
                KINDS[second](profiler, other)
            families(profiler)  # raises for names that clash


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OWN)
def test_names_that_the_exporter_uses_are_refused_or_readable(kind, name):
    with Profiler("svc", max_series=32) as profiler:
        try:
            KINDS[kind](profiler, name)
        except InvalidValueError:
            return
        families(profiler)
    assert (kind, name) in {("counter", "span"), ("gauge", "span"), ("gauge", "mark_total")} | {
        (made, other) for made in KINDS for other in OWN if made != "gauge"
    }


@pytest.mark.parametrize(
    ("kind", "name", "sample", "type_"),
    [
        ("counter", "tokens", "svc_tokens_total", "counter"),
        ("counter", "tokens_total", "svc_tokens_total", "counter"),
        ("counter", "tokens.total", "svc_tokens_total", "counter"),
        ("histogram", "wait", "svc_wait_seconds_count", "histogram"),
        ("histogram", "wait_seconds", "svc_wait_seconds_count", "histogram"),
        ("histogram", "wait.seconds", "svc_wait_seconds_count", "histogram"),
        ("gauge", "queue.length", "svc_queue_length", "gauge"),
    ],
)
def test_each_suffix_comes_once_and_the_sample_is_in_its_family(profiler, kind, name, sample, type_):
    KINDS[kind](profiler, name)
    found = {one.name: family.type for family in families(profiler) for one in family.samples}

    assert found[sample] == type_


@pytest.mark.parametrize("labels", [{"le": 1}, {"quantile": 1}, {"__x": 1}, {"a.b": 1, "a_b": 2}, {"..x": 1}])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_prometheus_cannot_take_are_refused(profiler, kind, labels):
    with pytest.raises(InvalidValueError):
        KINDS[kind](profiler, "x", **labels)


def test_labels_with_dots_read_back(profiler):
    profiler.counter("x", **{"http.method": "GET"}).inc()

    (sample,) = (one for family in families(profiler) for one in family.samples if one.name == "svc_x_total")
    assert sample.labels == {"http_method": "GET"}


def test_a_counter_named_total_alone_is_refused(profiler):
    with pytest.raises(InvalidValueError, match="suffix"):
        profiler.counter("total")


def test_a_refused_series_takes_no_room(profiler):
    profiler.counter("x")
    used = profiler.book.counters._limit.used
    for _ in range(300):
        with pytest.raises(InvalidValueError, match="no other series"):
            profiler.gauge("x")

    assert profiler.book.counters._limit.used == used


def test_the_names_of_attached_memory_are_reserved(profiler):
    profiler.gauge("rss_bytes")

    with pytest.raises(InvalidValueError, match="no other series"):
        profiler.attach_memory()
