"""OpenTelemetry export: metrics and sampled spans by OTLP over HTTP, with the official SDK (extra ``otlp``)."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import inference_bench._native as _native
from inference_bench.errors import InvalidValueError
from inference_bench.extras import needed_by
from inference_bench.live.buckets import BUCKETS_NS, cumulative_counts
from inference_bench.live.declared_series import DECLARED
from inference_bench.live.exporter import Exporter
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from inference_bench.live.descriptions import Descriptions
    from inference_bench.live.profiler import Profiler
    from inference_bench.live.snapshot import Snapshot

_SDK_LOG = logging.getLogger("opentelemetry.exporter.otlp.proto.http")
_REASON = f"set logger {_SDK_LOG.name} to level ERROR to see the reason"


class OtlpExporter(Exporter):
    """Sends every series, and one span in ``span_every``, to an OpenTelemetry collector.

    Histograms become explicit buckets of seconds with the bounds of ``PrometheusCollector``. Spans carry the request's
    id as the attribute ``request`` and have no parents, because records are matched by id and not by stack. Each
    process is an instance of its own (``service.instance.id``) with connections of its own, also after a fork.

    Args:
        profiler: the profiler to export.
        endpoint: base address of the collector, such as ``http://localhost:4318``.
        interval_s: seconds between two exports.
        timeout_s: time after which one HTTP request has failed, in seconds.
        span_every: one span in this many is sent; 0 sends none.
        queue_records: limit of span records that wait.
        headers: HTTP headers of each request.

    Raises:
        InvalidValueError: the endpoint is not an HTTP address.
    """

    def __init__(
        self,
        profiler: Profiler,
        endpoint: str = "http://localhost:4318",
        *,
        interval_s: float = 10.0,
        timeout_s: float = 5.0,
        span_every: int = 1,
        queue_records: int = 65_536,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise InvalidValueError("endpoint", endpoint, "an address such as http://localhost:4318")
        super().__init__(profiler, "otlp", interval_s, queue_records if span_every else 0)
        self._endpoint, self._headers, self._timeout_s = endpoint.rstrip("/"), dict(headers or {}), timeout_s
        self._instance: object = None
        self._connected_pid = 0
        self._connect()
        self._span_every = span_every
        self._span_number = 0
        if _SDK_LOG.level == logging.NOTSET:
            _SDK_LOG.setLevel(logging.CRITICAL)  # it logs every attempt; Exporter logs the first failure and counts

    def _connect(self) -> None:
        """Make what no two processes may share: the identity, and the connections."""
        with needed_by("OtlpExporter"):
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource

            from inference_bench.live.otlp_session import BoundedSession

        self._sessions = [BoundedSession(self._timeout_s) for _ in range(2)]

        def options(path: str, session: BoundedSession) -> dict[str, Any]:
            return {
                "endpoint": self._endpoint + path,
                "timeout": self._timeout_s,
                "headers": self._headers,
                "session": session,
            }

        self._metrics = OTLPMetricExporter(**options("/v1/metrics", self._sessions[0]))
        self._spans = OTLPSpanExporter(**options("/v1/traces", self._sessions[1]))
        found = Resource.create({"service.name": self.profiler.name, "process.pid": os.getpid()})
        instance = found.attributes.get("service.instance.id") or str(uuid.uuid4())
        if instance == self._instance:  # given by OTEL_RESOURCE_ATTRIBUTES, which a fork inherits
            instance = f"{instance}-{os.getpid()}"
        self._instance = instance
        self._resource = found.merge(Resource({"service.instance.id": instance}))
        self._began: tuple[int, int] = (0, 0)
        self._connected_pid = os.getpid()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Export once more, end the thread, and close the connections; returns after ``timeout_s`` at the latest."""
        super().stop(timeout_s)
        for session in self._sessions:
            session.close()

    def _begin_unix_ns(self, snapshot: Snapshot, offset_ns: int) -> int:
        """Return when the series began; always the same, because another time means that they were reset."""
        begin_ns = snapshot.time_ns - snapshot.uptime_ns
        if self._began[0] != begin_ns:
            self._began = (begin_ns, begin_ns + offset_ns)
        return self._began[1]

    def export(self, batches: list[_native.SpanRecords]) -> None:
        """Send metrics, then spans.

        Raises:
            ConnectionError: the collector refused metrics or spans.
        """
        from opentelemetry.sdk.metrics.export import MetricExportResult
        from opentelemetry.sdk.trace.export import SpanExportResult

        if self._connected_pid != os.getpid():
            self._connect()
        offset_ns = time.time_ns() - _native.now_ns()
        snapshot = self.profiler.snapshot()
        data = _metrics_data(
            snapshot,
            self.profiler.book.descriptions,
            self._resource,
            offset_ns,
            self._begin_unix_ns(snapshot, offset_ns),
        )
        if self._metrics.export(data) is not MetricExportResult.SUCCESS:
            raise ConnectionError(f"the collector refused the metrics; {_REASON}")
        spans = [span for batch in batches for span in self._readable(batch, offset_ns)]
        if spans and self._spans.export(spans) is not SpanExportResult.SUCCESS:
            raise ConnectionError(f"the collector refused the spans; {_REASON}")

    def _readable(self, batch: _native.SpanRecords, offset_ns: int) -> Iterator[ReadableSpan]:
        """Yield one span of the SDK for every ``span_every`` records."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
        from opentelemetry.trace import SpanContext, TraceFlags

        draw = RandomIdGenerator()
        table = batch.spans()
        names = table.labels("name") or []
        columns = (table.column(column) for column in ("name", "id", "value", "thread", "begin_ns", "duration_ns"))
        for label, number, value, thread, begin_ns, duration_ns in zip(*columns, strict=True):
            self._span_number += 1
            if self._span_number % self._span_every:
                continue
            context = SpanContext(
                draw.generate_trace_id(), draw.generate_span_id(), is_remote=False, trace_flags=TraceFlags(1)
            )
            yield ReadableSpan(
                name=names[label],
                context=context,
                resource=self._resource,
                attributes={"request": value or number, "thread.id": thread},
                start_time=begin_ns + offset_ns,
                end_time=begin_ns + duration_ns + offset_ns,
            )


def _metrics_data(
    snapshot: Snapshot, descriptions: Descriptions, resource: Resource, offset_ns: int, start_ns: int
) -> MetricsData:
    """Return a snapshot as data of the SDK, cumulative since ``start_ns``."""
    from opentelemetry.sdk.metrics import export as sdk
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    now_ns = snapshot.time_ns + offset_ns
    cumulative = sdk.AggregationTemporality.CUMULATIVE

    def metric(kind: str, name: str, labels: dict[str, str], value: Any) -> sdk.Metric:
        data: Any
        if kind == "histogram":
            data = sdk.Histogram([_histogram_point(labels, value, start_ns, now_ns)], cumulative)
        elif kind == "counter":
            data = sdk.Sum([sdk.NumberDataPoint(labels, start_ns, now_ns, value)], cumulative, is_monotonic=True)
        else:
            data = sdk.Gauge([sdk.NumberDataPoint(labels, start_ns, now_ns, value)])
        about = descriptions.of(kind, name)
        return sdk.Metric(name, about.meaning, about.unit, data)

    metrics = [metric(kind, name, labels, value) for kind, name, labels, value in _points(snapshot)]
    scope = InstrumentationScope("inference_bench.live")
    return sdk.MetricsData([sdk.ResourceMetrics(resource, [sdk.ScopeMetrics(scope, metrics, "")], "")])


def _points(snapshot: Snapshot) -> Iterator[tuple[str, str, dict[str, str], Any]]:
    """Yield kind, name, labels and value of every series."""
    for kind, series in (
        ("counter", snapshot.counters),
        ("gauge", snapshot.gauges),
        ("histogram", snapshot.histograms),
    ):
        for key, value in series.items():
            yield kind, key.name, dict(key.labels), value
    for name, counts in snapshot.spans.items():
        yield "histogram", "span", {"span": name}, counts
    for name, count in snapshot.marks.items():
        yield "counter", "mark", {"mark": name}, count
    for name, number in snapshot.own_values().items():
        yield "counter" if ("counter", name) in DECLARED else "gauge", name, {}, number


def _histogram_point(
    labels: dict[str, str], counts: _native.HistogramCounts, start_ns: int, now_ns: int
) -> HistogramDataPoint:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    below = cumulative_counts(counts)
    each = [later - earlier for earlier, later in zip([0, *below], [*below, counts.total], strict=True)]
    bounds = [end_ns / NS_PER_S for end_ns in BUCKETS_NS]
    lowest, highest = counts.percentile(0), counts.percentile(100)
    return HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=start_ns,
        time_unix_nano=now_ns,
        count=counts.total,
        sum=(counts.sum_ns or 0) / NS_PER_S,
        bucket_counts=each,
        explicit_bounds=bounds,
        min=((lowest[0] if lowest else 0) or 0) / NS_PER_S,
        max=((highest[1] if highest else 0) or 0) / NS_PER_S,
    )
