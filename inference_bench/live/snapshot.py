"""Snapshot: everything that a profiler has recorded so far. Data only; all exporters and ``watch`` read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from inference_bench._native import HistogramCounts
from inference_bench.errors import UnknownNameError
from inference_bench.live.series import SeriesKey

PlainHistogram = TypedDict(
    "PlainHistogram",
    {
        "count": int,
        "mean_ns": float | None,
        "p50_ns": int | None,
        "p90_ns": int | None,
        "p99_ns": int | None,
        "p99.9_ns": int | None,
        "buckets": NotRequired[list[tuple[int, int]]],
    },
)
"""A histogram in JSON. A percentile is the last value of its bucket; None above the range, or without values.

``buckets`` holds the first value and the count of each filled bucket; only ``watch`` gets it.
"""


class PlainRecording(TypedDict):
    """``Recording`` in JSON."""

    made: int
    recorded: int
    lost: int


class PlainCost(TypedDict):
    """``Cost`` in JSON."""

    record_ns: float
    duty: float
    budget: float
    every: int
    lowered: int
    over_budget: bool


class PlainSnapshot(TypedDict):
    """``Snapshot`` in JSON; series by name and labels, such as ``ttft{model="llama"}``."""

    name: str
    pid: int
    running: bool
    time_ns: int
    uptime_ns: int
    counters: dict[str, int]
    gauges: dict[str, float]
    histograms: dict[str, PlainHistogram]
    spans: dict[str, PlainHistogram]
    marks: dict[str, int]
    recording: PlainRecording
    cost: PlainCost
    memory_bytes: int
    memory_limit_bytes: int


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation and the request that made it."""

    request_id: int
    value_ns: int
    unix_time_ns: int


@dataclass(frozen=True, slots=True)
class Recording:
    """Counts of span and mark records; ``made == recorded + lost`` always holds.

    Attributes:
        made: records since the start, in this process.
        recorded: those that the collector has read or will read.
        lost: those overwritten before the collector read them; the histograms of spans lack them.
    """

    made: int
    recorded: int
    lost: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of the profiler, as it measures it.

    Attributes:
        record_ns: cost of one span with one observation, measured at the start in a tight loop.
        duty: share of one core, averaged over some intervals: records x ``record_ns``, plus the collector's CPU time.
        budget: share of one core that it may take.
        every: distance between two requests recorded in detail.
        lowered: number of times that ``every`` was doubled.
    """

    record_ns: float
    duty: float
    budget: float
    every: int
    lowered: int

    @property
    def over_budget(self) -> bool:
        """Whether ``duty`` exceeds ``budget``; possible because spans outside requests are not sampled."""
        return self.duty > self.budget


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything recorded at one moment.

    Attributes:
        name: name of the profiler.
        pid: process id.
        running: whether the profiler records; counters and histograms of one that does not stand still.
        time_ns: moment, on the native clock.
        uptime_ns: time since the first start, or since the fork in a forked child: since the series count.
        counters: totals of this process.
        gauges: present values.
        histograms: durations that were observed directly.
        spans: durations of spans, by name.
        marks: counts of marks, by name.
        exemplars: last observation of a sampled request, for some histograms.
        recording: counts of records.
        cost: cost of profiling.
        memory_bytes: memory that the profiler holds.
        memory_limit_bytes: largest memory that it can hold.
    """

    name: str
    pid: int
    running: bool
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
        """Return the counts of a span or histogram by name; all label sets of the name are merged.

        Raises:
            UnknownNameError: no span or histogram has this name.
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

    def own_values(self) -> dict[str, float]:
        """Return the series that exporters add about the profiler itself, by name (``declared_series.OWN``)."""
        return {
            "profiler_running": int(self.running),
            "profiler_records": self.recording.made,
            "profiler_lost_records": self.recording.lost,
            "profiler_duty": self.cost.duty,
            "profiler_sample_every": self.cost.every,
            "profiler_memory_bytes": self.memory_bytes,
        }

    def as_plain(self) -> PlainSnapshot:
        """Return the snapshot for JSON, with percentiles instead of buckets."""
        return {
            "name": self.name,
            "pid": self.pid,
            "running": self.running,
            "time_ns": self.time_ns,
            "uptime_ns": self.uptime_ns,
            "counters": {str(key): value for key, value in self.counters.items()},
            "gauges": {str(key): value for key, value in self.gauges.items()},
            "histograms": {str(key): _plain(counts) for key, counts in self.histograms.items()},
            "spans": {name: _plain(counts) for name, counts in self.spans.items()},
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


def _plain(counts: HistogramCounts) -> PlainHistogram:
    return {
        "count": counts.total,
        "mean_ns": counts.mean_ns,
        "p50_ns": _percentile_ns(counts, 50.0),
        "p90_ns": _percentile_ns(counts, 90.0),
        "p99_ns": _percentile_ns(counts, 99.0),
        "p99.9_ns": _percentile_ns(counts, 99.9),
    }


def _percentile_ns(counts: HistogramCounts, percent: float) -> int | None:
    bucket = counts.percentile(percent)
    return None if bucket is None else bucket[1]
