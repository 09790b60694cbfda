"""Integer nanoseconds and bytes, and their formatting as text."""

from __future__ import annotations

import math

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

SMALL = 0.001
"""Numbers below this are written with an exponent."""

_TIME_STEPS = ((NS_PER_S, "s"), (NS_PER_MS, "ms"), (NS_PER_US, "µs"), (1, "ns"))
_BYTE_STEPS = ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B"))


def _three_digits(value: float) -> str:
    """Format with three significant digits, with an exponent only for a very small number.

    >>> _three_digits(0.00493), _three_digits(0.00000000000742)
    ('0.00493', '7.4e-12')
    """
    magnitude = abs(value)
    if magnitude >= 100:
        return f"{value:.0f}"
    if magnitude >= 10:
        return f"{value:.1f}"
    if magnitude >= 0.1 or magnitude == 0:
        return f"{value:.2f}"
    return f"{value:.3g}" if magnitude >= SMALL else scientific(value)


def scientific(value: float) -> str:
    """Format a number with an exponent, two significant digits; one that is not finite as ``nan`` or ``inf``.

    >>> scientific(7.42e-12), scientific(float("nan"))
    ('7.4e-12', 'nan')
    """
    if not math.isfinite(value):
        return f"{value}"
    digits, _, exponent = f"{value:.1e}".partition("e")
    return f"{digits}e{int(exponent)}"


def _scaled(value: float, steps: tuple[tuple[int, str], ...]) -> tuple[float, str]:
    for size, unit in steps:
        if abs(value) >= size:
            return value / size, unit
    size, unit = steps[-1]
    return value / size, unit


def format_ns(value: float) -> str:
    """Render nanoseconds with a fitting unit, three significant digits.

    >>> format_ns(32_289_605)
    '32.3 ms'
    """
    scaled, unit = _scaled(value, _TIME_STEPS)
    return f"{scaled:.0f} ns" if unit == "ns" and float(scaled).is_integer() else f"{_three_digits(scaled)} {unit}"


def format_bytes(value: float) -> str:
    """Render bytes with a fitting binary unit, three significant digits.

    >>> format_bytes(538_090_408)
    '513 MiB'
    """
    scaled, unit = _scaled(value, _BYTE_STEPS)
    return f"{scaled:.0f} B" if unit == "B" else f"{_three_digits(scaled)} {unit}"


def format_value(value: float, unit: str) -> str:
    """Render a metric's value in its unit (see ``metrics.Metric.unit``)."""
    if unit == "ns":
        return format_ns(value)
    if unit == "bytes":
        return format_bytes(value)
    number = _three_digits(value)
    return number if unit in ("", "1", "fraction") else f"{number} {unit}"


def counted(count: int, noun: str) -> str:
    """Write a number of things whose plural ends in s.

    >>> counted(1, "run"), counted(12_000, "run")
    ('1 run', '12,000 runs')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
