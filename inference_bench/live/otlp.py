"""OpenTelemetry export: metrics and sampled spans by OTLP over HTTP, with the official SDK (extra ``otlp``)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import inference_bench._native as _native
from inference_bench.errors import InvalidValueError
from inference_bench.live.buckets import BUCKETS_NS, cumulative_counts
from inference_bench.live.exporter import Exporter
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from inference_bench.live.profiler import Profiler
    from inference_bench.live.snapshot import Snapshot

_SDK_LOG = logging.getLogger("opentelemetry.exporter.otlp.proto.http")
_REASON = f"set logger {_SDK_LOG.name} to level ERROR to see the reason"


class OtlpExporter(Exporter):
    """Sends every series, and one span in ``span_every``, to an OpenTelemetry collector.

    Histograms become explicit buckets of seconds with the bounds of ``PrometheusCollector``. Spans carry the request's
    id as the attribute ``request`` and have no parents, because records are matched by id and not by stack.

    Args:
        profiler: the profiler to export.
        endpoint: base address of the collector, such as ``http://localhost:4318``.
        interval_s: seconds between two exports.
        timeout_s: timeout of one HTTP request, in seconds.
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
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource

        super().__init__(profiler, "otlp", interval_s, queue_records if span_every else 0)
        base, given = endpoint.rstrip("/"), dict(headers or {})
        self._metrics = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=timeout_s, headers=given)
        self._spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=timeout_s, headers=given)
        self._resource = Resource.create({"service.name": profiler.name})
        self._span_every = span_every
        self._span_number = 0
        if _SDK_LOG.level == logging.NOTSET:
            _SDK_LOG.setLevel(logging.CRITICAL)  # it logs every attempt; Exporter logs the first failure and counts

    def export(self, batches: list[_native.SpanRecords]) -> None:
        """Send metrics, then spans.

        Raises:
            ConnectionError: the collector refused metrics or spans.
        """
        from opentelemetry.sdk.metrics.export import MetricExportResult
        from opentelemetry.sdk.trace.export import SpanExportResult

        offset_ns = time.time_ns() - _native.now_ns()
        snapshot = self.profiler.snapshot()
        if self._metrics.export(_metrics_data(snapshot, self._resource, offset_ns)) is not MetricExportResult.SUCCESS:
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


def _metrics_data(snapshot: Snapshot, resource: Resource, offset_ns: int) -> MetricsData:
    """Return a snapshot as data of the SDK, cumulative since the profiler's start."""
    from opentelemetry.sdk.metrics import export as sdk
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    now_ns = snapshot.time_ns + offset_ns
    start_ns = now_ns - snapshot.uptime_ns
    cumulative = sdk.AggregationTemporality.CUMULATIVE
    metrics = []
    for key, total in snapshot.counters.items():
        point = sdk.NumberDataPoint(dict(key.labels), start_ns, now_ns, total)
        metrics.append(sdk.Metric(key.name, "", "1", sdk.Sum([point], cumulative, is_monotonic=True)))
    for key, level in snapshot.gauges.items():
        point = sdk.NumberDataPoint(dict(key.labels), start_ns, now_ns, level)
        metrics.append(sdk.Metric(key.name, "", "1", sdk.Gauge([point])))
    histograms = [(key.name, dict(key.labels), counts) for key, counts in snapshot.histograms.items()]
    histograms += [("span", {"span": name}, counts) for name, counts in snapshot.spans.items()]
    for name, labels, counts in histograms:
        histogram = sdk.Histogram([_histogram_point(labels, counts, start_ns, now_ns)], cumulative)
        metrics.append(sdk.Metric(name, "", "s", histogram))
    scope = InstrumentationScope("inference_bench.live")
    return sdk.MetricsData([sdk.ResourceMetrics(resource, [sdk.ScopeMetrics(scope, metrics, "")], "")])


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
