"""The view of ``watch``: the difference between two snapshots, with a short history."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from inference_bench.text import one_line
from inference_bench.units import NS_PER_S, format_bytes, format_ns

_BARS = "▁▂▃▄▅▆▇█"
_HISTORY = 30
_BUCKET_SHARE = 1 / 128

Plain = Mapping[str, Any]
Buckets = Sequence[Sequence[int]]


class View:
    """Holds the last snapshot and each row's recent medians."""

    def __init__(self) -> None:
        self._before: Plain | None = None
        self._now: Plain = {}
        self._medians: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_HISTORY))

    def add(self, snapshot: Plain) -> None:
        """Add the next snapshot; one of another process (a restart) starts over."""
        fresh = bool(self._now) and self._now["pid"] == snapshot["pid"]
        self._before = self._now if fresh else None
        self._now = snapshot

    def render(self) -> RenderableType:
        """Return the view, without empty rows; the first view covers the whole time since the start."""
        now = self._now
        seconds = max((now["time_ns"] - self._before["time_ns"]) if self._before else now["uptime_ns"], 1) / NS_PER_S
        return Group(
            self._head(seconds),
            *self._stopped(),
            "",
            self._latencies(seconds),
            "",
            self._numbers(seconds),
            "",
            self._foot(),
        )

    def _head(self, seconds: float) -> Text:
        now = self._now
        span = f"last {seconds:.1f} s" if self._before else "since its start"
        up = format_ns(now["uptime_ns"])
        return Text(f"{one_line(now['name'])} · process {now['pid']} · up {up} · {span}", style="bold")

    def _stopped(self) -> Iterator[Text]:
        if not self._now.get("running", True):
            yield Text(
                "the profiler is not running: nothing is recorded. Call start() in that process.", style="bold red"
            )

    def _latencies(self, seconds: float) -> Table:
        table = Table(Column("latency", overflow="fold"), box=None, header_style="dim", pad_edge=False)
        for heading in ("per s", "p50", "p99", "n"):
            table.add_column(heading, justify="right")
        table.add_column("p50, recent")
        for name, row, earlier in self._rows():
            new = _difference(row["buckets"], earlier)
            if not row["count"]:
                continue
            count = sum(number for _, number in new)
            median = _percentile(new, 0.5)
            if median is not None:
                self._medians[name].append(median)
            cells = [f"{count / seconds:,.1f}", _time(median), _time(_percentile(new, 0.99)), f"{row['count']:,}"]
            table.add_row(Text(one_line(name)), *cells, sparkline(self._medians[name]))
        return table

    def _rows(self) -> Iterator[tuple[str, Plain, Buckets]]:
        for kind in ("histograms", "spans"):
            for name, row in self._now[kind].items():
                yield name, row, self._before[kind].get(name, {}).get("buckets", []) if self._before else []

    def _numbers(self, seconds: float) -> Table:
        table = Table(Column("counter, gauge", overflow="fold"), box=None, header_style="dim", pad_edge=False)
        table.add_column("per s", justify="right")
        table.add_column("total", justify="right")
        before = self._before["counters"] if self._before else {}
        for name, total in self._now["counters"].items():
            if not total:
                continue
            table.add_row(Text(one_line(name)), f"{(total - before.get(name, 0)) / seconds:,.1f}", f"{total:,}")
        for name, level in self._now["gauges"].items():
            shown = format_bytes(level) if name.endswith("_bytes") and isfinite(level) else f"{level:g}"
            table.add_row(Text(one_line(name)), "", shown)
        return table

    def _foot(self) -> Text:
        cost, recording = self._now["cost"], self._now["recording"]
        every = "every request" if cost["every"] == 1 else f"1 request in {cost['every']:,}"
        over = ", OVER BUDGET" if cost["over_budget"] else ""
        held = f"{format_bytes(self._now['memory_bytes'])} of at most {format_bytes(self._now['memory_limit_bytes'])}"
        return Text(
            f"profiling: {cost['duty']:.3%} of a core (budget {cost['budget']:.1%}{over}) · {every} in detail · "
            f"{recording['made']:,} records, {recording['lost']:,} lost · {held}",
            style="dim",
        )


def sparkline(values: Sequence[float]) -> str:
    """Return one character per value, from the lowest to the highest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    steps = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_BARS[round((value - low) / steps)] for value in values)


def _difference(now: Buckets, before: Buckets) -> list[tuple[int, int]]:
    earlier = {row[0]: row[1] for row in before}
    return [(lowest, count - earlier.get(lowest, 0)) for lowest, count in now if count != earlier.get(lowest, 0)]


def _percentile(buckets: Sequence[tuple[int, int]], share: float) -> float | None:
    """Return the end of the bucket that contains the share."""
    wanted = share * sum(count for _, count in buckets)
    seen = 0
    for lowest, count in buckets:
        seen += count
        if seen >= wanted and seen:
            return lowest * (1 + _BUCKET_SHARE)
    return None


def _time(value_ns: float | None) -> str:
    return "–" if value_ns is None else format_ns(value_ns)
