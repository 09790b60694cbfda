"""OTLP exports, received by a collector over loopback."""

from __future__ import annotations

import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inference_bench.errors import InvalidValueError
from inference_bench.live.otlp import OtlpExporter


class Collector(HTTPServer):
    """Keeps the messages that it receives."""

    received: list[Any]


class Receiver(BaseHTTPRequestHandler):
    """Reads OTLP over HTTP."""

    server: Collector

    def do_POST(self):
        kinds: dict[str, Any] = {"/v1/metrics": ExportMetricsServiceRequest, "/v1/traces": ExportTraceServiceRequest}
        message = kinds[self.path].FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append(message)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_): ...


@pytest.fixture
def collector():
    server = Collector(("127.0.0.1", 0), Receiver)
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
