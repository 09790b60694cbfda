"""When an interleaved measurement looks at its result, and at which level, so that all looks together keep theirs."""

from __future__ import annotations

FIRST_LOOK = 10
"""Pairs before the first look: fewer rarely reach a strict level."""
_GROWTH = 2**0.5
_POCOCK = (0.05, 0.0294, 0.0221, 0.0182, 0.0158, 0.0142, 0.0130, 0.0120, 0.0112, 0.0106)
"""Two-sided level of each of 1, 2, … looks whose joint error is 5 % (Pocock, Biometrika 64, 1977, table 1)."""


def looks(pairs: int) -> list[int]:
    """Return the numbers of pairs after which to look: each √2 times the one before, the last at the end.

    >>> looks(40)
    [14, 20, 28, 40]
    """
    found = [pairs]
    while found[0] / _GROWTH >= FIRST_LOOK and len(found) < len(_POCOCK):
        found.insert(0, round(found[0] / _GROWTH))
    return found


def look_level(count: int) -> float:
    """Return the confidence level of each of ``count`` looks whose joint level is ``LEVEL``."""
    return 1 - _POCOCK[count - 1]
