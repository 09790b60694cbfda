"""What leaves a profiler: each is read back by the real reader of its format."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.live import Profiler
from inference_bench.live.generation import Generation, GenerationSeries
from inference_bench.live.otlp import OtlpExporter
from inference_bench.live.parquet import ParquetExporter
from inference_bench.live.prometheus import PrometheusCollector
from inference_bench.live.watch_socket import WatchSocket, socket_path
from inference_bench.results.run_folder import load_run


@pytest.fixture
def profiler():
    with Profiler("svc", budget=1.0) as running:
        yield running


def registry(profiler, **options):
    made = CollectorRegistry()
    made.register(PrometheusCollector(profiler, **options))
    return made


def samples(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def generate(profiler, series, tokens=5):
    """Go through the motions of a generation, without a model."""
    generation = Generation(series)
    for _ in range(tokens + 1):
        generation.iterate()
    generation.finish((1, 8), None)


# ---- Prometheus


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


def test_exemplars_name_the_request(profiler):
    series = GenerationSeries(profiler.book, profiler.sampling, "m")
    with profiler.request() as request:
        generate(profiler, series)

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


# ---- OTLP


class Receiver(BaseHTTPRequestHandler):
    """A collector: takes OTLP over HTTP, and keeps it."""

    def do_POST(self):
        kinds = {"/v1/metrics": ExportMetricsServiceRequest, "/v1/traces": ExportTraceServiceRequest}
        message = kinds[self.path].FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append(message)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_): ...


@pytest.fixture
def collector():
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_collector_receives_metrics_and_spans(profiler, collector):
    histogram = profiler.histogram("ttft", model="m")
    for value_ns in (5_000, 20_000, 200_000_000_000):
        histogram.observe_ns(value_ns)
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    before_ns = time.time_ns()
    with OtlpExporter(profiler, endpoint, interval_s=60), profiler.request() as request, request.span("decode"):
        profiler.counter("errors", kind="x").add(3)

    kinds = (ExportMetricsServiceRequest, ExportTraceServiceRequest)
    metrics, traces = ([m for m in collector.received if isinstance(m, kind)] for kind in kinds)
    found = {m.name: m for m in metrics[-1].resource_metrics[0].scope_metrics[0].metrics if m.name != "requests"}
    assert found["errors"].sum.data_points[0].as_int == 3
    assert found["errors"].sum.is_monotonic
    ttft = found["ttft"].histogram.data_points[0]
    assert (ttft.count, list(ttft.bucket_counts)[:2], ttft.bucket_counts[-1]) == (3, [1, 1], 1)
    assert sum(ttft.bucket_counts) == 3
    spans = {span.name: span for span in traces[-1].resource_spans[0].scope_spans[0].spans}
    assert set(spans) == {"request", "decode"}
    assert {a.key: a.value.int_value for a in spans["decode"].attributes}["request"] == request.id
    assert before_ns - 10**9 < spans["decode"].start_time_unix_nano <= time.time_ns()
    assert spans["request"].end_time_unix_nano >= spans["decode"].end_time_unix_nano


def test_a_collector_that_is_down_costs_bounded_memory_and_one_line(profiler, caplog):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    exporter = OtlpExporter(profiler, endpoint, interval_s=0.05, timeout_s=0.2, queue_records=1000)
    span = profiler.span("decode")
    with caplog.at_level(logging.WARNING):
        exporter.start()
        deadline = time.monotonic() + 20
        failures = profiler.counter("export_failures", exporter="otlp")
        while failures.value < 3 and time.monotonic() < deadline:
            for _ in range(3000):
                with span:
                    pass
            profiler.collect()
        began = time.monotonic()
        exporter.stop(timeout_s=2)
        assert time.monotonic() - began < 10

    assert failures.value >= 3
    assert profiler.counter("export_dropped_records", exporter="otlp").value > 0
    assert sum(map(len, exporter._queue)) <= 1000
    assert len([record for record in caplog.records if record.name == "inference_bench.live"]) == 1


def test_an_endpoint_that_is_no_address_is_refused(profiler):
    with pytest.raises(InvalidValueError, match="http://localhost:4318"):
        OtlpExporter(profiler, "localhost:4318")


# ---- Parquet


def test_live_generations_are_a_run_that_report_reads(profiler, tmp_path):
    series = GenerationSeries(profiler.book, profiler.sampling, "tiny")
    with ParquetExporter(profiler, tmp_path, "tiny", interval_s=60):
        for _ in range(10):
            generate(profiler, series)

    (folder,) = tmp_path.iterdir()
    run = load_run(folder)
    (result,) = run.results
    table = run.samples(result).to_pandas()
    assert table["metric"].value_counts().to_dict() == {"ttft": 10, "itl": 40, "tpot": 10, "e2e": 10}
    for _, rows in table.groupby("iteration"):
        value = rows.groupby("metric", observed=True)["value"].sum()
        assert value["ttft"] + value["itl"] == value["e2e"]
    assert {summary.metric: summary.n for summary in result.summaries}["itl"] == 40
    command = [sys.executable, "-m", "inference_bench", "report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "TTFT" in done.stdout


def test_old_folders_are_rotated_out(profiler, tmp_path):
    series = GenerationSeries(profiler.book, profiler.sampling, "tiny")
    exporter = ParquetExporter(profiler, tmp_path, "tiny", interval_s=60, keep=2)
    profiler.add_listener(exporter._take)
    for _ in range(4):
        generate(profiler, series)
        profiler.collect()
        exporter._export()

    assert len(list(tmp_path.iterdir())) == 2
    exporter._export()  # nothing happened since
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_counted(profiler, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    series = GenerationSeries(profiler.book, profiler.sampling, "tiny")
    with ParquetExporter(profiler, blocked, "tiny", interval_s=60):
        generate(profiler, series)

    assert profiler.counter("export_failures", exporter="parquet").value == 1
    assert len(caplog.records) == 1


# ---- Chrome trace


def test_the_trace_holds_what_its_format_asks_for(profiler):
    series = GenerationSeries(profiler.book, profiler.sampling, "m")
    with profiler.request() as request, request.span('"<script>"'):
        generate(profiler, series)
    profiler.span("open").begin(77)

    trace = json.loads(profiler.chrome_trace(60))

    events = trace["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "b", "e", "i"}
    for event in events[1:]:
        assert isinstance(event["ts"], float)
        assert event["pid"] == os.getpid()
        assert event["tid"] > 0
        assert event["ph"] != "X" or event["dur"] >= 0
        assert event["ph"] not in "be" or (event["cat"] and event["id"])
    assert [event["ts"] for event in events[1:]] == sorted(event["ts"] for event in events[1:])
    pairs = [(event["name"], event["id"]) for event in events if event["ph"] == "b"]
    assert {(event["name"], event["id"]) for event in events if event["ph"] == "e"} == set(pairs) - {("open", "0x4d")}


def test_the_trace_keeps_the_last_seconds_only(profiler):
    with profiler.span("old"):
        pass
    time.sleep(0.1)
    with profiler.span("new"):
        pass

    names = {event["name"] for event in json.loads(profiler.chrome_trace(0.05))["traceEvents"]}

    assert names == {"process_name", "new"}


# ---- watch


def test_watch_over_the_socket(profiler):
    with WatchSocket(profiler) as listening:
        assert listening.path.stat().st_mode & 0o777 == 0o600
        assert listening.path.parent.stat().st_mode & 0o777 == 0o700
        with pytest.raises(UsageError, match="listens already"):
            listening.start()
        with profiler.span("decode"):
            profiler.gauge("cache_bytes").set(5 << 20)
        command = [sys.executable, "-m", "inference_bench", "watch", str(os.getpid()), "--once"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "decode" in done.stdout
    assert "5.00 MiB" in done.stdout
    assert not listening.path.exists()


def test_watch_follows_until_the_process_goes(profiler):
    command = [sys.executable, "-m", "inference_bench", "watch", str(os.getpid()), "--interval", "0.1"]
    with WatchSocket(profiler) as listening:
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        assert watching.poll() is None
        listening.stop()
        _, err = watching.communicate(timeout=20)

    assert watching.returncode == 1
    assert "hung up" in err


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["999999999"], 1, "WatchSocket(profiler).start()"),
        (["somewhere"], 2, "process id"),
        (["1", "--interval", "0"], 2, "0.05 to 3600"),
    ],
)
def test_watch_says_what_is_wrong(words, code, part):
    command = [sys.executable, "-m", "inference_bench", "watch", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert part in done.stderr


def test_a_folder_that_others_may_write_is_refused(profiler, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    socket_path(1).parent.mkdir(mode=0o777)
    socket_path(1).parent.chmod(0o777)

    with pytest.raises(UsageError, match="this user alone"):
        WatchSocket(profiler).start()
