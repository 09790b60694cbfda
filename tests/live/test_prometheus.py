"""Prometheus scrapes, read back by its own parsers."""

from __future__ import annotations

import subprocess
import sys
import threading

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from inference_bench.errors import UsageError
from inference_bench.live.prometheus import PrometheusCollector, serve_metrics


def registry(profiler, **options):
    made = CollectorRegistry()
    made.register(PrometheusCollector(profiler, **options))
    return made


def samples(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_a_scrape_is_what_the_parsers_read(profiler):
    profiler.counter("errors", kind='a"b\\c\nd').add(3)
    profiler.gauge("queue.length").set(2.5)
    histogram = profiler.histogram("ttft", model="m")
    for value_ns in (5_000, 20_000, 3_000_000, 7_000_000_000, 200_000_000_000):
        histogram.observe_ns(value_ns)
    with profiler.span('decode "<x>"'):
        profiler.mark("token")

    made = registry(profiler)
    for families in (
        parse_text(generate_latest(made).decode()),
        parse_openmetrics(generate_openmetrics(made).decode()),
    ):
        found = samples(families)
        assert found["svc_errors_total", (("kind", 'a"b\\c\nd'),)] == 3
        assert found["svc_queue_length", ()] == 2.5
        buckets = {
            dict(labels)["le"]: count for (name, labels), count in found.items() if name == "svc_ttft_seconds_bucket"
        }
        assert (buckets["1e-05"], buckets["2.5e-05"], buckets["0.005"], buckets["10.0"]) == (1, 2, 3, 4)
        assert buckets["+Inf"] == found["svc_ttft_seconds_count", (("model", "m"),)] == 5
        assert found["svc_ttft_seconds_sum", (("model", "m"),)] == pytest.approx(207.003025)
        assert found["svc_span_seconds_count", (("span", 'decode "<x>"'),)] == 1
        assert found["svc_mark_total", (("mark", "token"),)] == 1
        assert found["svc_profiler_lost_records_total", ()] == 0


def test_exemplars_name_the_request(profiler, generate):
    with profiler.request() as request:
        generate("m")

    families = parse_openmetrics(generate_openmetrics(registry(profiler)).decode())

    shown = [s for family in families for s in family.samples if s.exemplar is not None]
    assert {s.name for s in shown} == {"svc_ttft_seconds_bucket", "svc_e2e_seconds_bucket"}
    assert all(s.exemplar.labels == {"request_id": str(request.id)} for s in shown)
    assert all(s.exemplar.value <= float(s.labels["le"]) for s in shown)


def test_native_histograms_hold_every_value_in_the_right_bucket(profiler):
    histogram = profiler.histogram("ttft")
    values = [0, 1_500, 3_000_000, 3_000_000, 5_000_000_000]
    for value_ns in values:
        histogram.observe_ns(value_ns)

    families = list(PrometheusCollector(profiler, native_histograms=True).collect())
    found = next(
        s.native_histogram for f in families if f.name == "svc_ttft_seconds" for s in f.samples if s.native_histogram
    )

    index, count, ends = 0, 0, []
    deltas = iter(found.pos_deltas)
    for span in found.pos_spans:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            ends += [2 ** (index / 8)] * count
            index += 1
    assert found.count_value == 5 == found.zero_count + len(ends)
    for end, value_ns in zip(ends, values[1:], strict=True):
        assert end / 2 ** (1 / 8) * 0.99 < value_ns / 1e9 <= end * 1.01


def test_scrapes_beside_writers_are_never_torn(profiler):
    histograms = [profiler.histogram("h", number=number) for number in range(100)]
    made, stop = registry(profiler), threading.Event()

    def write(part):
        while not stop.is_set():
            for histogram in part:
                histogram.observe_ns(1_000_000)

    threads = [threading.Thread(target=write, args=(histograms[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            found = samples(parse_text(generate_latest(made).decode()))
            for number in range(100):
                labels = (("number", str(number)),)
                count = found["svc_h_seconds_count", labels]
                assert found["svc_h_seconds_bucket", (("le", "+Inf"), *labels)] == count
                assert found["svc_h_seconds_sum", labels] == pytest.approx(count * 1e-3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


WORKERS = """
import os, sys
from inference_bench.live import Profiler
from inference_bench.live.prometheus import serve_metrics

profiler = Profiler("web").start()
hits = profiler.counter("hits")
hits.add(1000)
pipes = []
for number in (1, 2, 3):
    told, tell = os.pipe()
    if os.fork() == 0:
        hits.add(number)
        os.write(tell, b"%d" % serve_metrics(profiler, range(int(sys.argv[1]), int(sys.argv[1]) + 500)))
        sys.stdin.read()
        os._exit(0)
    pipes.append(told)
print(*(os.read(told, 10).decode() for told in pipes), flush=True)
sys.stdin.read()
"""


def test_each_worker_is_a_target_of_its_own_and_their_sum_is_right():
    command = [sys.executable, "-c", WORKERS, "21000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        try:
            ports = parent.stdout.readline().split()
            scrapes = [
                samples(parse_text(httpx.get(f"http://127.0.0.1:{port}/metrics").text))["web_hits_total", ()]
                for _ in range(3)
                for port in ports
            ]
            parent.communicate("", timeout=20)
        finally:
            parent.kill()

    assert len(set(ports)) == 3
    assert sorted(scrapes) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert scrapes[:3] == scrapes[3:6] == scrapes[6:]


def test_a_range_without_a_free_port_is_refused(profiler):
    with pytest.raises(UsageError, match="no free port"):
        serve_metrics(profiler, ())
