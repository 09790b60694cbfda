"""Rows of ``watch``: what happened between two snapshots of one process, one row per series."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference_bench.live.declared_series import GROUPS
from inference_bench.live.series import SeriesKey
from inference_bench.units import NS_PER_S

_HISTORY = 30
_BUCKET_SHARE = 1 / 128
_GROUP_OF = {(one.kind, one.name): group for group, series in GROUPS.items() for one in series}
_ORDER = (*GROUPS, "application")
_LABEL = re.compile(r'([A-Za-z_][\w.]*)="(.*?)"(?:,(?=[A-Za-z_][\w.]*=")|$)')

Plain = Mapping[str, Any]
Buckets = Sequence[Sequence[int]]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One series in the last interval.

    Attributes:
        process: id of its process.
        group: ``requests``, ``model``, ``process``, ``profiler`` or ``application``.
        kind: ``histogram``, ``span``, ``counter``, ``mark`` or ``gauge``.
        name: name of the series, without a model's name in front.
        labels: its labels; also the model of a span or mark of this model.
        rate: observations per second, or what the counter counted per second; None for a gauge.
        total: since the start, or the gauge's level.
        p50: median of the interval in nanoseconds; None without observations.
        p99: 99th percentile likewise.
        recent: medians of earlier intervals and of this one.
    """

    process: int
    group: str
    kind: str
    name: str
    labels: Labels
    rate: float | None
    total: float
    p50: float | None = None
    p99: float | None = None
    recent: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """All words by which the row is found."""
        return " ".join([self.group, self.name, *(f"{label}={value}" for label, value in self.labels)])


class History:
    """The last two snapshots of one process, and the recent medians of its durations."""

    def __init__(self) -> None:
        self.before: Plain | None = None
        self.now: Plain = {}
        self._medians: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=_HISTORY))
        self.rows: list[Row] = []

    def add(self, snapshot: Plain) -> None:
        """Add the next snapshot; one of another process (a restart) starts over."""
        same = bool(self.now) and self.now["pid"] == snapshot["pid"]
        self.before = self.now if same else None
        self.now = snapshot
        if not same:
            self._medians.clear()
        found = [*self._durations(), *self._counts(), *self._levels()]
        self.rows = sorted(found, key=lambda row: _ORDER.index(row.group))

    @property
    def seconds(self) -> float:
        """Length of the interval; the first one is the whole time since the start."""
        time_ns: int = self.now["time_ns"]
        before_ns: int = self.before["time_ns"] if self.before else time_ns - self.now["uptime_ns"]
        return max(time_ns - before_ns, 1) / NS_PER_S

    def _row(self, kind: str, key: str, **values: Any) -> Row:
        name, labels = (key, ()) if kind in ("span", "mark") else _parsed(key)
        group = _GROUP_OF.get((kind, name), "application")
        if kind in ("span", "mark"):
            model, _, rest = name.partition(".")
            if name == "request":
                group = "requests"
            elif rest and model in self._models():
                group, name, labels = "model", rest, (("model", model),)
        return Row(self.now["pid"], group, kind, name, labels, **values)

    def _models(self) -> set[str]:
        parsed = (_parsed(key) for key in self.now["counters"])
        return {
            value for name, labels in parsed if name == "generations" for label, value in labels if label == "model"
        }

    def _durations(self) -> Iterator[Row]:
        for kind in ("histogram", "span"):
            for key, row in self.now[f"{kind}s"].items():
                if not row["count"]:
                    continue
                earlier = self.before[f"{kind}s"].get(key, {}).get("buckets", []) if self.before else []
                new = _difference(row["buckets"], earlier)
                p50, medians = _percentile(new, 0.5), self._medians[kind, key]
                if p50 is not None:
                    medians.append(p50)
                yield self._row(
                    kind,
                    key,
                    rate=sum(count for _, count in new) / self.seconds,
                    total=row["count"],
                    p50=p50,
                    p99=_percentile(new, 0.99),
                    recent=tuple(medians),
                )

    def _counts(self) -> Iterator[Row]:
        for kind in ("counter", "mark"):
            before = self.before[f"{kind}s"] if self.before else {}
            for key, total in self.now[f"{kind}s"].items():
                if total:
                    yield self._row(kind, key, rate=(total - before.get(key, 0)) / self.seconds, total=total)

    def _levels(self) -> Iterator[Row]:
        for key, level in self.now["gauges"].items():
            yield self._row("gauge", key, rate=None, total=level)


def _parsed(key: str) -> tuple[str, Labels]:
    """Return name and labels of a series; what does not read back to the same text is a name as it stands."""
    name, brace, inside = key.partition("{")
    labels = tuple((found[1], found[2]) for found in _LABEL.finditer(inside.removesuffix("}")))
    return (name, labels) if brace and str(SeriesKey(name, labels)) == key else (key, ())


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
