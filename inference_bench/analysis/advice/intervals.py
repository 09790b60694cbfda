"""Arithmetic of intervals of positive figures: the result covers every value that its operands allow."""

from __future__ import annotations

import math
from collections.abc import Iterable

from inference_bench.ceilings import Interval


def exactly(value: float) -> Interval:
    """Return a figure that is known exactly."""
    return Interval(value, value, value)


def between(low: float, high: float) -> Interval:
    """Return an interval around its middle."""
    return Interval((low + high) / 2, low, high)


def hull(values: Iterable[float], value: float | None = None) -> Interval:
    """Return the narrowest interval that covers some values.

    Args:
        values: at least one.
        value: the figure between them; None for their middle.
    """
    found = list(values)
    low, high = min(found), max(found)
    return Interval((low + high) / 2 if value is None else min(max(value, low), high), low, high)


def plus(left: Interval, right: Interval) -> Interval:
    """Return a sum."""
    return Interval(left.value + right.value, left.low + right.low, left.high + right.high)


def minus(left: Interval, right: Interval) -> Interval:
    """Return a difference."""
    return Interval(left.value - right.value, left.low - right.high, left.high - right.low)


def times(left: Interval, right: Interval) -> Interval:
    """Return a product."""
    return Interval(left.value * right.value, left.low * right.low, left.high * right.high)


def over(left: Interval, right: Interval) -> Interval:
    """Return a quotient; without bound where the divisor may be zero."""
    return Interval(
        _quotient(left.value, right.value), _quotient(left.low, right.high), _quotient(left.high, right.low)
    )


def at_most(found: Interval, most: float) -> Interval:
    """Return an interval without its part above a bound."""
    return Interval(min(found.value, most), min(found.low, most), min(found.high, most))


def inverse(found: Interval) -> Interval:
    """Return the reciprocal."""
    return over(exactly(1.0), found)


def _quotient(left: float, right: float) -> float:
    return left / right if right > 0 else math.inf


def as_percent(found: Interval) -> str:
    """Return a share as text, such as ``71 % [68, 74]``.

    >>> as_percent(Interval(0.71, 0.68, 0.742)), as_percent(Interval(0.5, 0.5, 0.5))
    ('71 % [68, 74]', '50 %')
    """
    digits = 0 if found.value >= 0.095 else 1
    value, low, high = (f"{100 * each:.{digits}f}" for each in (found.value, found.low, found.high))
    return f"{value} %" if low == high else f"{value} % [{low}, {high}]"


def as_number(found: Interval) -> str:
    """Return a figure as text, such as ``4.2 [4, 4.5]``."""
    value, low, high = (f"{each:.3g}" for each in (found.value, found.low, found.high))
    return value if low == high else f"{value} [{low}, {high}]"


def as_factor(found: Interval) -> str:
    """Return a ratio as text, such as ``×1.6–1.9``.

    >>> as_factor(Interval(1.75, 1.6, 1.9)), as_factor(Interval(1.0, 0.95, 1.05))
    ('×1.60–1.90', '×0.95–1.05')
    """
    return f"×{found.low:.2f}–{found.high:.2f}"
