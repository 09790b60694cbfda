"""Axes: their ends, and few round ticks with their texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from inference_bench.reports._figures.figure import Axis

_FEW, _MANY = 4, 7
"""Ticks of an axis: few enough to stand side by side on a phone."""

_FARTHEST = 1.5
"""How far an axis goes beyond the values for the ends of intervals, in lengths of what the values cover."""

FAR_APART = 50
"""Ratio of the largest to the smallest value above which curves would lie on the axis, unless it is logarithmic."""


def around(label: str, values: Iterable[float], *, span: float, is_flipped: bool = False) -> Axis:
    """Return an axis that holds all values: from zero, unless they are so near each other that it would hide them.

    Args:
        label: of the axis.
        values: what must be on it; at least one.
        span: smallest length of an axis that does not begin at zero, as a share of its end: differences must not look
            larger than they are.
        is_flipped: as in ``Axis``.
    """
    found = list(values)
    low, high = min(found), max(found)
    if low <= (1 - span) * high * 0.75 or high <= 0:
        return numbers(label, found, is_flipped=is_flipped)
    room = max(0.0, span * high - (high - low)) / 2
    return numbers(label, [low - room, high + room], from_zero=False, is_flipped=is_flipped)


def within_reach(values: Sequence[float], ends: Iterable[float]) -> list[float]:
    """Return values and the ends of their intervals, but no end so far away that the values would be one spot."""
    low, high = min(values), max(values)
    reach = _FARTHEST * max(high - low, abs(high) / 2)
    least = 0.0 if low >= 0 else low - reach
    return [*values, *(min(high + reach, max(least, low - reach, end)) for end in ends)]


def numbers(
    label: str, values: Iterable[float], *, from_zero: bool = True, high: float | None = None, is_flipped: bool = False
) -> Axis:
    """Return an axis of numbers that holds all values.

    Args:
        label: of the axis.
        values: what must be on it; at least one.
        from_zero: whether zero is on it.
        high: its upper end, if it has a natural one.
        is_flipped: as in ``Axis``.
    """
    found = [value for value in values if math.isfinite(value)] or [0.0]
    low, top = min(found), max(found)
    if from_zero:
        low, top = min(low, 0.0), max(top, 0.0)
    if high is not None:
        top = max(top, high)
    if top == low:
        low, top = (0.0, 1.0) if low == 0 else (low - abs(low) / 2, top + abs(top) / 2)
    room = 0.05 * (top - low)
    low = low if from_zero and low == 0 else low - room
    top = top if (high is not None and top == high) or (from_zero and top == 0) else top + room
    step = _round_step((top - low) / _FEW)
    first, last = math.ceil(low / step), math.floor(top / step)
    return Axis(label, low, top, _texts([step * n for n in range(first, last + 1)]), is_flipped=is_flipped)


def logarithmic(label: str, values: Iterable[float], ticks: Sequence[float] = ()) -> Axis:
    """Return a logarithmic axis that holds all values.

    Args:
        label: of the axis.
        values: what must be on it, all above zero; at least one.
        ticks: where its ticks are, if they are few enough.
    """
    found = list(values)
    low, high = min(found), max(found)
    room = (high / low) ** 0.06 if high > low else 1.5
    chosen = list(ticks) if ticks and len(ticks) <= _MANY else _log_ticks(low / room, high * room)
    return Axis(label, low / room, high * room, _texts(chosen), is_log=True)


def magnitudes(label: str, values: Iterable[float], *, several: bool = True) -> Axis:
    """Return an axis for durations or rates: from zero, or logarithmic if several curves are far apart."""
    found = list(values)
    positive = [value for value in found if value > 0]
    if several and len(positive) == len(found) and max(found) > FAR_APART * min(found):
        return logarithmic(label, found)
    return numbers(label, found)


def names(found: Sequence[str], headings: Iterable[int] = ()) -> Axis:
    """Return a vertical axis with one row per name, the first at the top."""
    return Axis("", -0.5, len(found) - 0.5, is_flipped=True, names=tuple(found), headings=frozenset(headings))


def _round_step(rough: float) -> float:
    """Return the smallest of 1, 2, 2.5 and 5, times a power of ten, that is at least as large."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten, and 2 and 5 times them if those alone would be too few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        found = [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
        if len(found) >= 3:
            break
    return found[:: math.ceil(len(found) / _MANY)] if found else [math.sqrt(low * high)]


def _texts(ticks: Sequence[float]) -> tuple[tuple[float, str], ...]:
    return tuple((tick, f"{tick:,.6g}" if abs(tick) < 1e6 else f"{tick:.3g}") for tick in ticks)
