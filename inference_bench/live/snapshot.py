"""What a profiler knows at one moment. Data only; every way out (Prometheus, OTLP, watch) reads it from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_bench._native import HistogramCounts
from inference_bench.errors import UnknownNameError
from inference_bench.live.series import SeriesKey

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation and the request that made it."""

    request_id: int
    value_ns: int
    unix_time_ns: int


@dataclass(frozen=True, slots=True)
class Recording:
    """Span and mark records: ``made == recorded + lost``, always.

    Attributes:
        made: since the start, in this process.
        recorded: read by the collector or waiting for it.
        lost: overwritten before it came; the histograms of spans lack them.
    """

    made: int
    recorded: int
    lost: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the profiler itself takes, by its own measurement.

    Attributes:
        record_ns: one span with one observation, measured at the start in a tight loop.
        duty: share of one core, averaged over some intervals: records x ``record_ns``, and the collector's CPU time.
        budget: the share that it may take.
        every: one request in so many is recorded in detail.
        lowered: how often ``every`` was doubled.
    """

    record_ns: float
    duty: float
    budget: float
    every: int
    lowered: int

    @property
    def over_budget(self) -> bool:
        """Whether it took more than it may: spans outside of requests cannot be sampled away."""
        return self.duty > self.budget


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Attributes:
        name: the profiler's.
        pid: the process.
        time_ns: when, on the native clock.
        uptime_ns: since the start, or since the fork in a forked child.
        counters: totals of this process.
        gauges: present values.
        histograms: durations observed directly.
        spans: durations of spans, by name.
        marks: how many of each.
        exemplars: the last observation of a sampled request, for some histograms.
        recording: how many records there were.
        cost: what profiling takes.
        memory_bytes: what it holds now.
        memory_limit_bytes: what it can come to hold.
    """

    name: str
    pid: int
    time_ns: int
    uptime_ns: int
    counters: Mapping[SeriesKey, int]
    gauges: Mapping[SeriesKey, float]
    histograms: Mapping[SeriesKey, HistogramCounts]
    spans: Mapping[str, HistogramCounts]
    marks: Mapping[str, int]
    recording: Recording
    cost: Cost
    memory_bytes: int
    memory_limit_bytes: int
    exemplars: Mapping[SeriesKey, Exemplar] = field(default_factory=dict)

    def histogram(self, name: str) -> HistogramCounts:
        """Return a span's or a histogram's counts by name, its label sets merged.

        Raises:
            UnknownNameError: nothing of this name has been recorded.
        """
        found = [counts for key, counts in self.histograms.items() if name in (key.name, str(key))]
        if name in self.spans:
            found.append(self.spans[name])
        if not found:
            raise UnknownNameError("span or histogram", name, {*map(str, self.histograms), *self.spans})
        total = found[0]
        for counts in found[1:]:
            total += counts
        return total

    def as_plain(self) -> dict[str, Any]:
        """Return what JSON can hold, with percentiles instead of buckets."""
        return {
            "name": self.name,
            "pid": self.pid,
            "time_ns": self.time_ns,
            "uptime_ns": self.uptime_ns,
            "counters": {str(key): value for key, value in self.counters.items()},
            "gauges": {str(key): value for key, value in self.gauges.items()},
            "histograms": {str(key): percentiles(counts) for key, counts in self.histograms.items()},
            "spans": {name: percentiles(counts) for name, counts in self.spans.items()},
            "marks": dict(self.marks),
            "recording": {
                "made": self.recording.made,
                "recorded": self.recording.recorded,
                "lost": self.recording.lost,
            },
            "cost": {
                "record_ns": self.cost.record_ns,
                "duty": self.cost.duty,
                "budget": self.cost.budget,
                "every": self.cost.every,
                "lowered": self.cost.lowered,
                "over_budget": self.cost.over_budget,
            },
            "memory_bytes": self.memory_bytes,
            "memory_limit_bytes": self.memory_limit_bytes,
        }


def percentiles(counts: HistogramCounts) -> dict[str, float | int | None]:
    """Return count, mean_ns, and the last value of the bucket that each percentile falls into (None above range)."""
    row: dict[str, float | int | None] = {"count": counts.total, "mean_ns": counts.mean_ns}
    for percent in PERCENTILES:
        bucket = counts.percentile(percent)
        row[f"p{percent:g}_ns"] = None if bucket is None else bucket[1]
    return row
