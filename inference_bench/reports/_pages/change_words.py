"""The change of a metric in words: ``prefill 1.4× faster [1.35, 1.46]``, ``27 % less memory [25, 29]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.comparison_result import Comparison, Verdict
from inference_bench.metrics import unit_of
from inference_bench.units import format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

_RATIO_FROM = 1.1
"""Changes of times by a smaller factor are told in per cent."""


def change_words(noun: str, rows: Sequence[Comparison]) -> str:
    """Return a settled change: that of one row with its interval, that of several as a range.

    Args:
        noun: what the metric is a figure of.
        rows: of one metric, with the same verdict; one or more.
    """
    return _phrase(noun, rows[0], f"{_sizes(rows)} ") + _interval(rows)


def direction_words(noun: str, row: Comparison) -> str:
    """Return a change of open size, such as ``prefill slower (by how much is open)``."""
    return _phrase(noun, row, remark="by how much is open")


def _phrase(noun: str, row: Comparison, size: str = "", remark: str = "") -> str:
    """Return the direction of a change; that of a time or of memory says by itself whether it is better."""
    unit, rises = unit_of(row.metric), row.change > 0
    if unit == "ns":
        phrase, remarks = f"{noun} {size}{'slower' if rises else 'faster'}", [remark]
    elif unit == "bytes":
        phrase, remarks = f"{size}{'more' if rises else 'less'} {noun}", [remark]
    else:
        direction = (row.verdict.direction or Verdict.INCONCLUSIVE).value
        phrase, remarks = f"{noun} {size}{'higher' if rises else 'lower'}", [direction, remark]
    told = ", ".join(filter(None, remarks))
    return f"{phrase} ({told})" if told else phrase


def _sizes(rows: Sequence[Comparison]) -> str:
    """Return the size, or the smallest and the largest, with the unit once where all have the same."""
    ordered = sorted(rows, key=lambda row: abs(_difference(row, rows)))
    found = list(dict.fromkeys(_size(_difference(row, rows), rows) for row in (ordered[0], ordered[-1])))
    unit = _unit(rows)
    return f"{' to '.join(text.removesuffix(unit) for text in found)}{unit}"


def _interval(rows: Sequence[Comparison]) -> str:
    low, high = rows[0].low, rows[0].high
    if len(rows) > 1 or low is None or high is None:
        return ""
    unit = _unit(rows)
    ends = sorted((low, high), key=abs)
    return f" [{', '.join(_size(end, rows).removesuffix(unit) for end in ends)}]"


def _difference(row: Comparison, rows: Sequence[Comparison]) -> float:
    """Return the change: a fraction if that of all rows is one, else in the metric's unit."""
    is_mixed = row.relative and not _are_relative(rows)
    return row.values[1] - row.values[0] if is_mixed else row.change


def _are_relative(rows: Sequence[Comparison]) -> bool:
    return all(row.relative for row in rows)


def _unit(rows: Sequence[Comparison]) -> str:
    """Return the unit that the sizes of these rows share; empty if each has its own."""
    if _are_relative(rows):
        return "×" if _is_ratio(rows) else " %"
    return " points" if unit_of(rows[0].metric) == "fraction" else ""


def _is_ratio(rows: Sequence[Comparison]) -> bool:
    is_time = unit_of(rows[0].metric) == "ns"
    return max(_factor(row.change) for row in rows) >= (_RATIO_FROM if is_time else 2.0)


def _factor(change: float) -> float:
    """Return by which factor a figure rises or falls, at least 1."""
    return 1 + change if change > 0 else 1 / (1 + change) if change > -1 else float("inf")


def _size(change: float, rows: Sequence[Comparison]) -> str:
    """Return the size of a change of one of these rows, with its unit."""
    unit = unit_of(rows[0].metric) or ""
    if not _are_relative(rows):
        return f"{_short(100 * abs(change))} points" if unit == "fraction" else format_value(abs(change), unit)
    return f"{_factor(change):.3g}×" if _is_ratio(rows) else f"{_short(100 * abs(change))} %"


def _short(number: float) -> str:
    """Return a number with two significant digits, or all digits before the point.

    >>> _short(3.24), _short(27.3), _short(131.2)
    ('3.2', '27', '131')
    """
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"
