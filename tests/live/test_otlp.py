"""OTLP exports, received by a collector over loopback."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inference_bench.errors import InvalidValueError
from inference_bench.live import Profiler
from inference_bench.live.otlp import OtlpExporter


class Collector(ThreadingHTTPServer):
    """Keeps the messages that it receives and the addresses that they came from."""

    received: list[Any]
    clients: list[Any]


class Receiver(BaseHTTPRequestHandler):
    """Reads OTLP over HTTP."""

    server: Collector

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        kinds: dict[str, Any] = {"/v1/metrics": ExportMetricsServiceRequest, "/v1/traces": ExportTraceServiceRequest}
        message = kinds[self.path].FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append(message)
        self.server.clients.append(self.client_address)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_): ...


@pytest.fixture
def collector():
    server = Collector(("127.0.0.1", 0), Receiver)
    server.received, server.clients = [], []
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


def metrics_of(server):
    """Return each message with metrics: resource attributes, points by name, and the client's address."""
    for message, client in zip(server.received, server.clients, strict=True):
        if isinstance(message, ExportMetricsServiceRequest):
            (resource,) = message.resource_metrics
            attributes = {a.key: a.value.string_value or a.value.int_value for a in resource.resource.attributes}
            points = {
                m.name: getattr(m, m.WhichOneof("data")).data_points[0] for m in resource.scope_metrics[0].metrics
            }
            yield attributes, points, client


@pytest.mark.parametrize("given", [None, "service.instance.id=fixed"])
def test_a_forked_child_is_an_instance_with_connections_and_counts_of_its_own(collector, monkeypatch, given):
    if given:
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", given)
    with Profiler("forks") as profiler:
        hits = profiler.counter("hits")
        hits.add(5)
        exporter = OtlpExporter(profiler, f"http://127.0.0.1:{collector.server_port}", interval_s=60, span_every=0)
        exporter.export([])
        pid = os.fork()
        if pid == 0:
            hits.inc()
            exporter.start()
            exporter.stop()
            os._exit(0)
        os.waitpid(pid, 0)
        exporter.export([])
        exporter.stop()

    messages = list(metrics_of(collector))
    by_pid = {attributes["process.pid"]: [] for attributes, _, _ in messages}
    for attributes, points, client in messages:
        by_pid[attributes["process.pid"]].append((attributes["service.instance.id"], points, client))
    parent, child = by_pid[os.getpid()], by_pid[pid]
    assert {points["hits"].as_int for _, points, _ in parent} == {5}
    assert {points["hits"].as_int for _, points, _ in child} == {1}
    for what in (0, 2):  # identity, connection
        assert not {row[what] for row in parent} & {row[what] for row in child}
    assert len({points["hits"].start_time_unix_nano for _, points, _ in parent}) == 1
    assert child[0][1]["hits"].start_time_unix_nano > parent[0][1]["hits"].start_time_unix_nano


def test_the_start_of_cumulative_series_never_moves_while_they_grow(collector):
    profiler = Profiler("starts")
    hits = profiler.counter("hits")
    exporter = OtlpExporter(profiler, f"http://127.0.0.1:{collector.server_port}", interval_s=60, span_every=0)
    for _ in range(3):
        with profiler:
            hits.inc()
            exporter.export([])
        exporter.export([])
    exporter.stop()

    found = [points for _, points, _ in metrics_of(collector)]
    assert [points["hits"].as_int for points in found] == [1, 1, 2, 2, 3, 3]
    assert len({points["hits"].start_time_unix_nano for points in found}) == 1
    assert [points["profiler_running"].as_int for points in found] == [1, 0] * 3


OK = b"HTTP/1.1 200 OK\r\n"
ENDS = {
    "says nothing": lambda send: None,
    "drips its headers": lambda send: [send(b"HTTP/1.1 200 OK\r\nx-a: "), *[send(b"a") for _ in iter(int, 1)]],
    "drips its body": lambda send: [send(OK + b"content-length: 99999\r\n\r\n"), *[send(b"a") for _ in iter(int, 1)]],
    "never ends": lambda send: [send(OK + b"\r\n"), *[send(b"a" * 65536, 0.0) for _ in iter(int, 1)]],
    "resets": lambda send: send(None),
    "speaks nonsense": lambda send: send(b"\x00\xff nonsense\r\n\r\n"),
    "redirects": lambda send: send(b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
    "fails": lambda send: send(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n"),
}


@pytest.fixture
def far_end():
    """Return a function that makes a server whose answers go as told."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(answer):
        def send(connection, what, pause=0.05):
            if stop.wait(pause):
                raise OSError
            if what is None:
                connection.shutdown(socket.SHUT_RDWR)
            else:
                connection.sendall(what)

        def one(connection):
            with contextlib.suppress(OSError), connection:
                connection.recv(65536)
                answer(lambda *given: send(connection, *given))
                stop.wait(60)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    stop.set()
    listener.close()


@pytest.mark.parametrize("end", ENDS)
def test_no_far_end_holds_or_fills_the_exporter(profiler, far_end, end, caplog):
    exporter = OtlpExporter(profiler, far_end(ENDS[end]), interval_s=60, timeout_s=0.5)
    failures = profiler.counter("export_failures", exporter="otlp")
    grown = profiler.attach_memory().gauges()["rss_peak_hwm_bytes"]
    began = time.monotonic()
    exporter._export()
    exporter._export()
    exporter.stop()

    assert time.monotonic() - began < 30
    assert profiler.snapshot().as_plain()["gauges"]["rss_peak_hwm_bytes"] - grown < 100_000_000
    if end != "never ends":  # the answer was 200, and its body does not matter
        assert failures.value == 2
        assert len([record for record in caplog.records if record.name == "inference_bench.live"]) == 1
