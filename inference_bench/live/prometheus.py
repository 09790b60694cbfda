"""Collector for ``prometheus_client``: reads the native series at each scrape (extra ``prometheus``)."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.extras import needed_by
from inference_bench.live.buckets import BUCKETS_NS, cumulative_counts
from inference_bench.live.declared_series import DECLARED
from inference_bench.live.exposed_names import counter_family, exposed, histogram_family
from inference_bench.live.snapshot import Exemplar, Snapshot
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily, Metric
    from prometheus_client.samples import BucketSpan, NativeHistogram
    from prometheus_client.samples import Exemplar as PrometheusExemplar

    from inference_bench._native import HistogramCounts
    from inference_bench.live.profiler import Profiler
    from inference_bench.live.series import SeriesKey

    Bucket = tuple[str, int, PrometheusExemplar | None]

V = TypeVar("V")

_SCHEMA = 3
"""Native buckets grow by 2^(1/8), 9 %, ten times as much as the buckets of our histograms."""


def serve_metrics(profiler: Profiler, ports: Iterable[int], address: str = "127.0.0.1") -> int:
    """Serve this process's metrics on the first free port of a range, and return the port.

    One scrape target for several worker processes would read another worker at each scrape. Call this in each worker
    after it has forked, and name all ports as targets: each worker is an instance of its own, and their sum is right.

    Args:
        profiler: the profiler of this process.
        ports: ports to try, such as ``range(9100, 9116)``.
        address: address to listen on.

    Raises:
        UsageError: none of them is free.
    """
    with needed_by("serve_metrics"):
        from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(PrometheusCollector(profiler))
    for port in ports:
        try:
            start_http_server(port, address, registry=registry)
        except OSError:
            continue
        return port
    raise UsageError(
        f"metrics of process {os.getpid()}: no free port in {ports!r} at {address}, expected one per worker."
    )


class PrometheusCollector:
    """Yields every series with the profiler's name as prefix: ``REGISTRY.register(PrometheusCollector(profiler))``.

    Durations are seconds in classic buckets. A classic bucket ends inside one of our own, which is at most 0.8 % wide;
    values in that one count as above the end. Exemplars hold the id of a request.

    Args:
        profiler: the profiler to export.
        native_histograms: also yield native buckets, for an endpoint of OpenMetrics 2.0.
        buckets_ns: ends of the classic buckets, rising; each is one time series per histogram and labels.

    Raises:
        InvalidValueError: the ends do not rise from above 0.
    """

    def __init__(
        self, profiler: Profiler, *, native_histograms: bool = False, buckets_ns: Sequence[int] = BUCKETS_NS
    ) -> None:
        # Not at the first scrape: if the process forks while another thread imports, the import lock of the child
        # stays locked.
        with needed_by("PrometheusCollector"):
            import prometheus_client.core
            import prometheus_client.samples  # noqa: F401

        self._profiler = profiler
        self._native_histograms = native_histograms
        self._buckets_ns = tuple(buckets_ns)
        if any(end <= begin for begin, end in pairwise((0, *self._buckets_ns))):
            raise InvalidValueError("buckets_ns", buckets_ns, "ends in nanoseconds that rise from above 0")

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering does not scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield one family per name."""
        if not self._profiler.running:
            self._profiler.warn_idle()
        snapshot = self._profiler.snapshot()
        prefix = f"{exposed(snapshot.name)}_"
        yield from self._numbers(snapshot, prefix)
        for name, members in _families(snapshot.histograms).items():
            rows = [(_labels(key), counts, snapshot.exemplars.get(key)) for key, counts in members]
            yield self._histogram(prefix, name, rows)
        yield self._histogram(prefix, "span", [({"span": n}, counts, None) for n, counts in snapshot.spans.items()])

    def _numbers(self, snapshot: Snapshot, prefix: str) -> Iterator[Metric]:
        """Yield counters, gauges, marks, and what the profiler says of itself."""
        for name, counters in _families(snapshot.counters).items():
            yield self._counter(prefix, name, [(_labels(key), total) for key, total in counters])
        for name, gauges in _families(snapshot.gauges).items():
            yield self._gauge(prefix, name, [(_labels(key), level) for key, level in gauges])
        yield self._counter(prefix, "mark", [({"mark": name}, count) for name, count in snapshot.marks.items()])
        for name, value in snapshot.own_values().items():
            family = self._counter if ("counter", name) in DECLARED else self._gauge
            yield family(prefix, name, [({}, value)])

    def _help(self, kind: str, name: str) -> str:
        return self._profiler.book.descriptions.of(kind, name).meaning

    def _counter(self, prefix: str, name: str, rows: Iterable[tuple[dict[str, str], float]]) -> Metric:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(prefix + counter_family(name), self._help("counter", name))
        for labels, total in rows:
            family.add_sample(f"{family.name}_total", labels, total)
        return family

    def _gauge(self, prefix: str, name: str, rows: Iterable[tuple[dict[str, str], float]]) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(prefix + exposed(name), self._help("gauge", name))
        for labels, level in rows:
            family.add_sample(family.name, labels, level)
        return family

    def _histogram(
        self, prefix: str, name: str, rows: Sequence[tuple[dict[str, str], HistogramCounts, Exemplar | None]]
    ) -> HistogramMetricFamily:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(prefix + histogram_family(name), self._help("histogram", name))
        for labels, counts, exemplar in rows:
            for le, count, shown in _classic(counts, self._buckets_ns, exemplar):
                family.add_sample(f"{family.name}_bucket", {**labels, "le": le}, count, exemplar=shown)
            family.add_sample(f"{family.name}_count", labels, counts.total)
            family.add_sample(f"{family.name}_sum", labels, (counts.sum_ns or 0) / NS_PER_S)
            if self._native_histograms:
                family.add_sample(family.name, labels, 0, native_histogram=_native_histogram(counts))
        return family


def _families(series: Mapping[SeriesKey, V]) -> dict[str, list[tuple[SeriesKey, V]]]:
    found: dict[str, list[tuple[SeriesKey, V]]] = defaultdict(list)
    for key, value in series.items():
        found[key.name].append((key, value))
    return found


def _labels(key: SeriesKey) -> dict[str, str]:
    return {exposed(label): value for label, value in key.labels}


def _classic(counts: HistogramCounts, ends_ns: Sequence[int], exemplar: Exemplar | None) -> Iterator[Bucket]:
    """Yield each bucket's end in seconds, the count up to it, and the exemplar if it lies in this bucket."""
    shown = _shown(exemplar)
    for end_ns, count in zip(ends_ns, cumulative_counts(counts, ends_ns), strict=True):
        fits = exemplar is not None and exemplar.value_ns <= end_ns
        yield str(end_ns / NS_PER_S), count, shown if fits else None
        shown = None if fits else shown
    yield "+Inf", counts.total, shown


def _shown(exemplar: Exemplar | None) -> PrometheusExemplar | None:
    from prometheus_client.samples import Exemplar as PrometheusExemplar

    if exemplar is None:
        return None
    labels = {"request_id": str(exemplar.request_id)}
    return PrometheusExemplar(labels, exemplar.value_ns / NS_PER_S, exemplar.unix_time_ns / NS_PER_S)


def _native_histogram(counts: HistogramCounts) -> NativeHistogram:
    """Return the counts in exponential buckets; bucket i ends at 2^(i / 8) seconds."""
    from prometheus_client.samples import NativeHistogram

    buckets: dict[int, int] = defaultdict(int)
    zero = counts.underflow
    for lowest_ns, count in zip(counts.lowest_ns, counts.counts, strict=True):
        if count and lowest_ns == 0:
            zero += count
        elif count:
            buckets[math.ceil(math.log2(lowest_ns / NS_PER_S) * 2**_SCHEMA)] += count
    if counts.overflow:
        buckets[math.ceil(math.log2((counts.highest_ns + 1) / NS_PER_S) * 2**_SCHEMA)] += counts.overflow
    spans, deltas = _sparse(buckets)
    total = (counts.sum_ns or 0) / NS_PER_S
    return NativeHistogram(counts.total, total, _SCHEMA, 1e-9, zero, spans or None, None, deltas or None, None)


def _sparse(buckets: Mapping[int, int]) -> tuple[list[BucketSpan], list[int]]:
    """Return the filled buckets as runs of neighbours, and the difference of each count to the one before."""
    from prometheus_client.samples import BucketSpan

    spans: list[BucketSpan] = []
    deltas: list[int] = []
    end, before = 0, 0
    for index in sorted(buckets):
        if spans and index == end:
            spans[-1] = BucketSpan(spans[-1].offset, spans[-1].length + 1)
        else:
            spans.append(BucketSpan(index - end, 1))
        deltas.append(buckets[index] - before)
        end, before = index + 1, buckets[index]
    return spans, deltas
