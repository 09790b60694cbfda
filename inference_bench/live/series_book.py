"""The series of one profiler: counters, gauges, histograms, spans and marks, bounded in number."""

from __future__ import annotations

from collections.abc import Mapping

import inference_bench._native as _native
from inference_bench.errors import InvalidValueError
from inference_bench.live.descriptions import Descriptions
from inference_bench.live.exposed_names import ExposedNames
from inference_bench.live.series import LastSeen, SeriesKey, SeriesLimit, SeriesTable, make_key
from inference_bench.live.snapshot import Exemplar

OTHERS = "(others)"
"""Histogram for the durations of names beyond the limit; left out of what is read while it is empty."""

_HISTOGRAM_BYTES = 35_000
_NAME_LENGTH = 200


class SeriesBook:
    """Makes each series when it is first asked for, and reads them all.

    Counters and histograms stand still from ``pause`` to ``resume``.

    Args:
        max_series: limit of counters, gauges and histograms together, of span names, and of mark names.

    Attributes:
        counters: by name and labels, like ``gauges`` and ``histograms``.
        gauges: present values.
        histograms: durations that are observed directly.
        spans: by name, like ``marks`` and ``durations``.
        marks: instants.
        durations: one histogram per span name, filled by the collector.
        names: their names in exporters.
        descriptions: what exporters say about them.
    """

    def __init__(self, max_series: int) -> None:
        limit = SeriesLimit(max_series)
        self.names = ExposedNames()
        self.descriptions = Descriptions()
        self.counters = SeriesTable(self._new_counter, limit)
        self.gauges = SeriesTable(self._new_gauge, limit)
        self.histograms = SeriesTable(self._new_histogram, limit)
        self.spans = SeriesTable(_new_span, SeriesLimit(max_series))
        self.marks = SeriesTable(_new_mark, SeriesLimit(max_series))
        self.durations = SeriesTable[str, _native.Histogram](lambda _: _native.Histogram(), SeriesLimit(max_series))
        self._last_seen: dict[SeriesKey, LastSeen] = {}
        self._counter_bases: dict[SeriesKey, int] = {}
        self._paused_totals: dict[SeriesKey, int] | None = None
        self._earlier: dict[SeriesKey, _native.HistogramCounts] = {}  # of the times between a start and a stop
        self._none = _native.Histogram().read()
        self._max_series = max_series
        self._spare: set[tuple[tuple[str, str], ...]] = set()

    # ---- making

    def counter(self, name: str, labels: Mapping[str, object] | None = None) -> _native.Counter:
        """Return the counter of this name and these labels.

        Raises:
            InvalidValueError: the limit is reached, or an exporter cannot represent the name.
        """
        return self.counters.get(make_key(name, labels or {}))

    def gauge(self, name: str, labels: Mapping[str, object] | None = None) -> _native.Gauge:
        """Return the gauge of this name and these labels. Raises what ``counter`` raises."""
        return self.gauges.get(make_key(name, labels or {}))

    def histogram(self, name: str, labels: Mapping[str, object] | None = None) -> _native.Histogram:
        """Return the histogram of this name and these labels. Raises what ``counter`` raises."""
        return self.histograms.get(make_key(name, labels or {}))

    def _new_counter(self, key: SeriesKey) -> _native.Counter:
        self.names.claim("counter", key.name)
        return _native.Counter()

    def _new_gauge(self, key: SeriesKey) -> _native.Gauge:
        self.names.claim("gauge", key.name)
        return _native.Gauge()

    def _new_histogram(self, key: SeriesKey) -> _native.Histogram:
        self.names.claim("histogram", key.name)
        return _native.Histogram()

    def keep_spare(self, labels: Mapping[str, object]) -> None:
        """Leave the series of exactly these labels out of what is read, until they hold something."""
        self._spare.add(make_key("spare", labels).labels)

    def last_seen(self, name: str, labels: Mapping[str, object]) -> LastSeen:
        """Return the place that holds the last observation of a histogram, for its exemplar."""
        return self._last_seen.setdefault(make_key(name, labels), LastSeen())

    # ---- reading

    def counter_totals(self) -> dict[SeriesKey, int]:
        """Return what each counter counted in this process while the book was not paused."""
        paused, bases = self._paused_totals, self._counter_bases
        if paused is not None:
            totals = {key: paused.get(key, 0) for key, _ in self.counters.items()}
        else:
            totals = {key: counter.value - bases.get(key, 0) for key, counter in self.counters.items()}
        return {key: total for key, total in totals.items() if total or key.labels not in self._spare}

    def gauge_values(self) -> dict[SeriesKey, float]:
        """Return the present value of each gauge."""
        return {key: gauge.value for key, gauge in self.gauges.items()}

    def histogram_counts(self) -> dict[SeriesKey, _native.HistogramCounts]:
        """Return the buckets of each histogram."""
        earlier = self._earlier
        if self._paused_totals is not None:
            found = {key: earlier.get(key, self._none) for key, _ in self.histograms.items()}
        else:
            found = {
                key: histogram.read() + earlier[key] if key in earlier else histogram.read()
                for key, histogram in self.histograms.items()
            }
        return {key: counts for key, counts in found.items() if counts.total or key.labels not in self._spare}

    def span_counts(self) -> dict[str, _native.HistogramCounts]:
        """Return the buckets of the durations of each span name."""
        found = {name: histogram.read() for name, histogram in self.durations.items()}
        return {name: counts for name, counts in found.items() if counts.total or name != OTHERS}

    def exemplars(self) -> dict[SeriesKey, Exemplar]:
        """Return the last observation of each histogram that has one with a request."""
        return {key: Exemplar(*last.seen) for key, last in list(self._last_seen.items()) if last.seen}

    @property
    def memory_bytes(self) -> int:
        """Memory that the histograms hold now."""
        return (len(self.histograms.items()) + len(self.durations.items()) + len(self._earlier)) * _HISTOGRAM_BYTES

    @property
    def memory_limit_bytes(self) -> int:
        """Memory that the histograms hold at the limit."""
        return 3 * self._max_series * _HISTOGRAM_BYTES

    # ---- start and stop

    def pause(self) -> None:
        """Keep what counters and histograms hold; what is added from now on does not count."""
        if self._paused_totals is None:
            self._earlier = {key: counts for key, counts in self.histogram_counts().items() if counts.total}
            self._paused_totals = self.counter_totals()

    def resume(self) -> None:
        """Count again. Series stay what they were: counts since ``pause`` are left out."""
        paused, self._paused_totals = self._paused_totals, None
        if paused is None:
            return
        self._counter_bases = {key: counter.value - paused.get(key, 0) for key, counter in self.counters.items()}
        for _, histogram in self.histograms.items():
            histogram.take()

    # ---- fork

    def replace_locks(self) -> None:
        """Replace the locks, which another thread of the parent may have held during a fork."""
        for table in (self.counters, self.gauges, self.histograms, self.spans, self.marks, self.durations):
            table.replace_lock()
        self.names.replace_lock()

    def restart(self) -> None:
        """Count from zero: the parent of a fork reports what it counted. Gauges keep their values."""
        for last in self._last_seen.values():
            last.seen = None
        for _, histogram in [*self.histograms.items(), *self.durations.items()]:
            histogram.take()
        self._earlier = {}
        if self._paused_totals is None:
            self._counter_bases = {key: counter.value for key, counter in self.counters.items()}
        else:
            self._paused_totals = {}


def _new_span(name: str) -> _native.Span:
    return _native.span(_printable(name))


def _new_mark(name: str) -> _native.Mark:
    return _native.Mark(_printable(name))


def _printable(name: str) -> str:
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable():
        raise InvalidValueError("name of a span", name, f"1 to {_NAME_LENGTH} printable characters")
    return name
