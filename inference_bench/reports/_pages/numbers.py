"""The numbers of one row: one unit, and as many digits as the interval allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log10

from inference_bench.metrics import RATIO, Statistic, statistic_of, unit_of
from inference_bench.result import BenchmarkResult, Estimate, Summary
from inference_bench.units import GIB, KIB, MIB, NS_PER_MS, NS_PER_S, NS_PER_US, SMALL, scientific

Step = tuple[int, str]
"""A unit: how many of the smallest one it has, and its name."""

_STEPS: dict[str, tuple[Step, ...]] = {
    "ns": ((NS_PER_S, "s"), (NS_PER_MS, "ms"), (NS_PER_US, "µs"), (1, "ns")),
    "bytes": ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B")),
    "bytes/s": ((10**9, "GB/s"), (10**6, "MB/s"), (10**3, "kB/s"), (1, "B/s")),
    "FLOP/s": ((10**12, "TFLOP/s"), (10**9, "GFLOP/s"), (10**6, "MFLOP/s"), (1, "FLOP/s")),
    "fraction": ((1, ""),),
    RATIO: ((1, ""),),
}

_DIGITS = 3
"""Significant digits of a figure, unless its interval allows more."""

_EXTRA = 2
"""Digits that a narrow interval may add, so that differences below the third digit show."""

_LONG = 100_000
"""A figure is not written in a unit of which it has this many."""

_FAR = 1000
"""Ends of an interval that are this many times the figure decide the unit."""


ROUNDING = 1e-9
"""An interval that is narrower than this fraction of its figure comes from equal values: no digits are added for it."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The format of one summary's figures: all in the unit and with the decimals of its median."""

    divisor: int
    unit: str
    decimals: int
    is_small: bool = False
    """Whether they have an exponent."""

    def text(self, value: float | None) -> str:
        """Return a figure without its unit, or a dash if there is none."""
        if value is None:
            return "–"
        scaled = value / self.divisor
        return scientific(scaled) if self.is_small and value else f"{scaled:,.{self.decimals if value else 0}f}"

    def with_unit(self, value: float | None) -> str:
        """Return a figure with its unit."""
        return f"{self.text(value)} {self.unit}".rstrip()

    def interval(self, estimate: Estimate) -> str:
        """Return an interval, or how many samples it needs."""
        if estimate.low is None and estimate.high is None:
            return needs(estimate)
        return f"[{self.text(estimate.low)}, {self.text(estimate.high)}]"

    def quantile(self, estimate: Estimate) -> str:
        """Return a quantile, or how many samples it needs."""
        return needs(estimate) if estimate.value is None else self.text(estimate.value)


def needs(estimate: Estimate) -> str:
    """Return how many samples a missing estimate needs."""
    return "–" if estimate.needs is None else f"needs {estimate.needs}"


_RIGHT = frozenset({"accuracy", "accuracy_norm", "exact_match"})
"""Shares of right answers."""


def figure_heading(summaries: Iterable[Summary]) -> str:
    """Return what the main figures of these summaries are: ``median``, ``share right`` …; ``figure`` if they differ."""
    found = set(map(_statistic, summaries))
    return found.pop() if len(found) == 1 else "figure"


def _statistic(summary: Summary) -> str:
    if summary.metric in _RIGHT:
        return "share right"
    statistic = statistic_of(summary.metric) or (Statistic.MEAN if summary.score else Statistic.MEDIAN)
    return "share" if statistic is Statistic.MEAN and unit_of(summary.metric) == "fraction" else statistic.value


def numbers_of(summary: Summary, unit: str | None, step: Step | None = None) -> Numbers:
    """Return the format of a summary's figures.

    Args:
        summary: the figures.
        unit: of its metric.
        step: the unit to write them in, if other figures decide it.
    """
    median = summary.headline
    reference = _reference(summary)
    divisor, label = step or _step(reference, unit)
    scaled = abs(reference) / divisor
    if divisor == 1 and unit in ("ns", "bytes"):
        return Numbers(divisor, label, 0)  # a clock tick and a byte have no halves
    if 0 < scaled < SMALL:
        return Numbers(divisor, label, 0, is_small=True)
    decimals = max(0, _DIGITS - 1 - _exponent(scaled))
    width = 0.0 if median.low is None or median.high is None else median.high - median.low
    if width > ROUNDING * abs(reference):
        wanted = ceil(-log10(width / 2 / divisor))
        decimals = min(max(decimals, wanted), decimals + _EXTRA)
    return Numbers(divisor, label, decimals)


def common_step(summaries: Iterable[Summary], unit: str | None) -> Step:
    """Return one unit for figures that stand side by side: that of the smallest, unless the largest gets too long."""
    references = [abs(_reference(summary)) for summary in summaries]
    smallest = min((reference for reference in references if reference), default=0.0)
    step = _step(smallest, unit)
    while (largest := max(references, default=0.0)) / step[0] >= _LONG and _step(largest, unit) != step:
        steps = _STEPS[unit or ""]
        step = steps[steps.index(step) - 1]
    return step


def _reference(summary: Summary) -> float:
    """Return the figure that decides unit and digits: the end of an interval that is far larger than its figure."""
    found = summary.headline
    value = summary.mean if found.value is None else found.value
    end = max(found.low or 0.0, found.high or 0.0, key=abs)
    return end if abs(end) > _FAR * abs(value) else value


def _step(value: float, unit: str | None) -> Step:
    steps = _STEPS.get(unit or "", ((1, unit or ""),))
    return next((step for step in steps if abs(value) >= step[0]), steps[-1])


def _exponent(scaled: float) -> int:
    return floor(log10(scaled)) if scaled > 0 else _DIGITS - 1


def level_of(results: Iterable[BenchmarkResult]) -> str:
    """Return the confidence levels of the intervals, as per cent; empty if there is no summary."""
    levels = sorted({summary.level for result in results for summary in result.summaries})
    return " / ".join(f"{100 * level:.4g} %" for level in levels)
