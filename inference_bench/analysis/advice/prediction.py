"""How a change moves the time of a step: Amdahl's law with an interval for each share. Pure functions."""

from __future__ import annotations

from itertools import product

from inference_bench.analysis.advice.intervals import at_most, exactly, hull, inverse, times
from inference_bench.ceilings import Interval

NOTHING = exactly(0.0)
UNCHANGED = exactly(1.0)


def time_after(
    share: Interval, factor: Interval, fixed: Interval = NOTHING, rest: Interval | None = None, extra: float = 0.0
) -> Interval:
    """Return the time after a change over the time before.

    With s the share of the time that the change concerns, f the factor by which it changes, o the share that is known
    not to change and r the factor of what nothing explains, it is s f + o + (1 - s - o) r (Amdahl 1967). What nothing
    explains changes by anything between not at all and like the share itself, unless ``rest`` says otherwise. The
    interval covers all combinations of the ends.

    Args:
        share: s; at most 1 counts, for a cache may read faster than the memory that was measured.
        factor: f.
        fixed: o; at most what s leaves counts.
        rest: r.
        extra: time that the change may add, over the time before; it may also add none.
    """
    share = at_most(share, 1.0)
    unexplained = rest or hull([1.0, factor.low, factor.high])
    corners = product(*((each.low, each.high) for each in (share, factor, fixed, unexplained)))
    ends = [_combined(*corner) for corner in corners]
    value = _combined(share.value, factor.value, fixed.value, unexplained.value)
    return hull([*ends, max(ends) + extra], value)


def _combined(share: float, factor: float, fixed: float, rest: float) -> float:
    kept = min(fixed, 1 - share)
    return share * factor + kept + (1 - share - kept) * rest


MODEL_ERROR = 0.05
"""By how much a prediction may be wrong although its shares are right: ceilings and case were measured at different
times, and medians of fresh processes on a virtual machine differ by 1 to 3 % from each other."""


def speedup(time: Interval, work: float = 1.0) -> Interval:
    """Return how many times as fast something is that takes ``time`` as long for ``work`` times as much.

    ``MODEL_ERROR`` is added at both ends.
    """
    found = times(inverse(time), exactly(work))
    return Interval(found.value, found.low / (1 + MODEL_ERROR), found.high * (1 + MODEL_ERROR))


def not_below(time: Interval, least: float) -> Interval:
    """Return a time that cannot be shorter than a ceiling allows."""
    return Interval(max(time.value, least), max(time.low, least), max(time.high, least))
