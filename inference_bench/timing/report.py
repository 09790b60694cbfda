"""Records, how they compare, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from inference_bench.analysis.comparison_result import Comparison, word
from inference_bench.analysis.outliers import SEVERE, tukey_fences, tukey_outliers
from inference_bench.text import one_line
from inference_bench.timing.record import Floor, Record
from inference_bench.units import NS_PER_MS, NS_PER_S, NS_PER_US, counted, format_bytes, format_ns

Format = Callable[[float], str]
"""Nanoseconds as text."""

UNITS = {
    **dict.fromkeys(("nsec", "ns", "nanosecond"), ("ns", 1)),
    **dict.fromkeys(("usec", "us", "microsecond"), ("µs", NS_PER_US)),
    **dict.fromkeys(("msec", "ms", "millisecond"), ("ms", NS_PER_MS)),
    **dict.fromkeys(("sec", "s", "second"), ("s", NS_PER_S)),
}
"""The units of timeit and hyperfine → symbol and nanoseconds."""

_WIDTH = 78
_FEW = 5
"""Below this many runs nothing is said of single ones."""


@dataclass(frozen=True, slots=True)
class TimeReport:
    """What was timed.

    Attributes:
        kind: ``code`` or ``command``.
        records: what was timed.
        changes: of each record against the baseline; None for the baseline itself.
        baseline: name of the record that the others are compared with.
        floor: what nothing takes on the same path; None if unknown.
        interrupted: whether the user stopped it.
    """

    kind: str
    records: tuple[Record, ...]
    changes: tuple[Comparison | None, ...]
    baseline: str
    floor: Floor | None
    interrupted: bool = False

    def by_time(self) -> TimeReport:
        """Return the report with the fastest record first."""
        pairs = sorted(zip(self.records, self.changes, strict=True), key=lambda pair: pair[0].median_ns)
        return replace(self, records=tuple(of for of, _ in pairs), changes=tuple(change for _, change in pairs))

    @property
    def notes(self) -> list[str]:
        """What a reader must know, one sentence each."""
        floor = [] if self.floor is None else [_floor_note(self.floor)]
        of_records = [note for record in self.records for note in record_notes(record)]
        stopped = ["interrupted: what was measured so far"] if self.interrupted else []
        return [*of_records, *floor, *stopped]


def _floor_note(floor: Floor) -> str:
    return f"{floor.what} takes {format_ns(floor.time_ns)} here, which is part of each time and not subtracted"


def record_notes(record: Record) -> Iterator[str]:
    """Yield what a reader must know of one record."""
    figures, name = record.figures_ns, one_line(record.name)
    failed = sum(process.exit_code != 0 for process in record.processes.values())
    if failed:
        yield f"{name}: {failed} of {counted(len(figures), 'run')} ended with another exit code than 0"
    if len(figures) < _FEW:
        return
    ordered = np.sort(figures)
    first, (_, highest) = float(figures[0]), tukey_fences(ordered, SEVERE)
    severe = tukey_outliers(figures)[1]
    if first > highest:
        yield (
            f"{name}: the first run took {format_ns(first)}, far more than the others. It may have filled caches: "
            "--warmup 3 leaves such runs out, --prepare CMD makes all alike"
        )
    elif severe:
        yield f"{name}: {counted(severe, 'run')} of {len(figures)} took far more or less time than the others"


def text_format(unit: str | None) -> Format:
    """Return how times are written: in one unit of ``UNITS``, or each in a fitting one."""
    if unit is None:
        return format_ns
    symbol, size = UNITS[unit]
    return lambda value_ns: f"{value_ns / size:,.4g} {symbol}"


def lines_of(report: TimeReport, show: Format) -> Iterator[str]:
    """Yield the report as text for a terminal of 80 columns.

    Args:
        report: what was timed.
        show: how times are written.
    """
    for record in report.records:
        yield f"{one_line(record.name)}: {_figure(record, show)}"
        yield from _wrapped(_details(record, report, show))
    if len(report.records) > 1:
        yield f"against {one_line(report.baseline)}:"
    for record, change in zip(report.records, report.changes, strict=True):
        if change is not None:
            yield f"  {one_line(record.name)}: {change_text(change)}"
    for note in report.notes:
        yield f"note: {note}"


def _figure(record: Record, show: Format) -> str:
    found = record.interval_ns
    ends = "no interval" if found is None else f"[{show(found[0])}, {show(found[1])}]"
    return f"{show(record.median_ns)} {ends}"


def _wrapped(parts: Iterable[str]) -> Iterator[str]:
    """Yield lines of at most ``_WIDTH`` columns, broken between parts."""
    line = " "
    for part in parts:
        if len(line) > 1 and len(line) + len(part) + 3 > _WIDTH:
            yield line
            line = " "
        line += f" {part}" if len(line) == 1 else f" · {part}"
    yield line


def _details(record: Record, report: TimeReport, show: Format) -> Iterator[str]:
    half, count = record.half_width, len(record.processes)
    yield f"median of {counted(count, 'run')}" + ("" if half is None else f" ±{half:.1%} at 95 %")
    yield "converged" if record.converged else f"NOT converged: {record.stop_reason}"
    processes = list(record.processes.values())
    if report.kind == "code":
        first = processes[0]
        yield f"{counted(len(record.samples_ns), 'sample')} of {counted(first.executions, 'execution')}"
        if first.cold_ns is not None:
            yield f"first execution {show(first.cold_ns)}"
        return
    yield f"from {show(float(record.figures_ns.min()))} to {show(float(record.figures_ns.max()))}"
    for name in ("user", "system"):
        yield f"{name} {show(float(np.median([getattr(process, f'{name}_ns') for process in processes])))}"
    seen = report.floor is None or record.peak_rss_bytes > report.floor.peak_rss_bytes
    yield f"peak RSS {'' if seen else '≤ '}{format_bytes(record.peak_rss_bytes)}"


def change_text(row: Comparison) -> str:
    """Return a change as a ratio with its interval and the verdict: ``×1.61 [1.53, 1.69] SLOWER``."""
    ratio = f"×{1 + row.change:.3g}"
    if row.low is None or row.high is None:
        return f"{ratio}, cannot tell from so few runs"
    return f"{ratio} [{1 + row.low:.3g}, {1 + row.high:.3g}] {word(row.verdict, 'ns')}"
