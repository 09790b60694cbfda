"""The cells of set-ups side by side: a figure with its interval, and what it is against the baseline's."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING

from inference_bench.analysis.interval_change import Answer, change_of
from inference_bench.metrics import METRICS, Quantity, Replicate, Statistic, quantity_of, statistic_of, unit_of
from inference_bench.reports._pages.document import Cell, Tone
from inference_bench.reports._pages.numbers import ROUNDING, common_step, figure_heading, numbers_of
from inference_bench.units import SMALL, counted, scientific

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from inference_bench.analysis.interval_change import Change, Interval
    from inference_bench.reports._pages.numbers import Numbers
    from inference_bench.reports._pages.setup_rows import Row
    from inference_bench.reports._pages.setups import Key
    from inference_bench.result import Summary

_TONES = {
    Answer.BETTER: Tone.GOOD,
    Answer.WORSE: Tone.ALARM,
    Answer.DIFFERENT: Tone.STRONG,
    Answer.SAME: Tone.QUIET,
    Answer.OPEN: Tone.WARNING,
}

_PEAKS = {"rss_peak_hwm": "peak RSS", "device_allocated_peak": "peak of tensors"}
"""Statistics of the figures whose rows are called memory."""

_EXTRA = 2
"""Decimals that a narrow interval may add to a ratio."""

_PER_MODEL = frozenset({"1/token", "nats/token", "logits", "tokens"})
"""Units of what a model computes that cannot be compared between models: their tokens differ."""


def note_of(row: Row) -> str:
    """Return the unit of a row's figures and their statistic, and the items of a score if all have the same number."""
    summaries = list(row.summaries.values())
    _, unit = common_step(summaries, unit_of(row.tag))
    words = [unit, _PEAKS.get(row.tag) or figure_heading(summaries)]
    items = {summary.n for summary in summaries}
    if row.tag in METRICS and METRICS[row.tag].replicate is Replicate.ITEM and len(items) == 1:
        words.append(f"{items.pop():,} items")
    return ", ".join(filter(None, words))


NOT_EQUAL = "work not equal"
"""Stands where a ratio would: what is compared did not do the same work."""


def cells_of(
    row: Row, keys: Sequence[Key], missing: Mapping[Key, Cell], unequal: Collection[Key] = ()
) -> tuple[Cell, ...]:
    """Return the cell of each set-up.

    Args:
        row: the figures.
        keys: the set-ups; the first is the baseline.
        missing: by set-up, what stands where there is no figure.
        unequal: set-ups whose work was not that of the baseline: their ratios are withheld.
    """
    step = common_step(list(row.summaries.values()), unit_of(row.tag))
    base = keys[0]
    return tuple(
        _cell(row, key, base, numbers_of(row.summaries[key], unit_of(row.tag), step), is_equal=key not in unequal)
        if key in row.summaries
        else missing[key]
        for key in keys
    )


def _cell(row: Row, key: Key, base: Key, numbers: Numbers, *, is_equal: bool) -> Cell:
    summary = row.summaries[key]
    text = f"{numbers.text(summary.headline.value)} {_interval(summary, numbers)}"
    place = (Cell(f"at {row.elsewhere[key]}", Tone.QUIET),) if key in row.elsewhere else ()
    if key == base or base not in row.summaries or not _is_comparable(row, key, base):
        return Cell(text, below=place)
    if not is_equal and quantity_of(row.tag) is not Quantity.OUTPUT:
        return Cell(text, below=(*place, Cell(NOT_EQUAL, Tone.ALARM)))
    change = change_of(row.summaries[base], summary)
    if change is None:
        return Cell(text, below=place)
    tone = _TONES[change.answer]
    figure_tone = tone if change.answer in (Answer.BETTER, Answer.WORSE) else Tone.PLAIN
    return Cell(text, figure_tone, (*place, Cell(_change_text(change, numbers), tone)))


def _interval(summary: Summary, numbers: Numbers) -> str:
    """Return the interval, or a mark that there is none."""
    found = summary.headline
    if found.low is not None or found.high is not None:
        return numbers.interval(found)
    if statistic_of(summary.metric) is Statistic.MAXIMUM:
        return "[no interval]"
    if summary.scope == "runs":
        return f"[{counted(summary.runs, 'run')}]"
    is_dependent = summary.effective_n < 0.9 * summary.n
    return f"[n ≈ {summary.effective_n:,.0f}]" if is_dependent else f"[n = {summary.n:,}]"


def _is_comparable(row: Row, key: Key, base: Key) -> bool:
    if row.elsewhere.get(key) != row.elsewhere.get(base):
        return False
    is_per_model = quantity_of(row.tag) is Quantity.OUTPUT and unit_of(row.tag) in _PER_MODEL
    return key[0] == base[0] or not is_per_model


def _change_text(change: Change, numbers: Numbers) -> str:
    """Return the answer, and the size where the interval excludes no change."""
    no_change = 1.0 if change.relative else 0.0
    if change.size.low <= no_change <= change.size.high:
        return change.answer.value
    size = change.size
    if change.relative:
        ratio, low, high = _ratios(size)
        return f"{change.answer.value} ×{ratio} [{low}, {high}]"
    sign = "+" if size.value > 0 else ""
    value, low, high = (numbers.text(end) for end in (size.value, size.low, size.high))
    return f"{change.answer.value} {sign}{value} [{low}, {high}]"


def _ratios(size: Interval) -> Iterator[str]:
    """Yield a ratio and its ends: two decimals around 1, three digits elsewhere, more where the interval is narrow."""
    ends = (size.value, size.low, size.high)
    if not SMALL <= size.value < 1 / SMALL:
        yield from map(scientific, ends)
        return
    exponent = floor(log10(size.value))
    decimals = 2 if exponent in (-1, 0) else max(0, 2 - exponent)
    width = size.high - size.low
    wanted = ceil(-log10(width)) if width > ROUNDING * size.value else decimals
    yield from (f"{end:,.{min(max(decimals, wanted), decimals + _EXTRA)}f}" for end in ends)
