"""From the times of another clock to ours, by events that both clocks saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Anchor:
    """An event of the other clock that lies between two readings of ours.

    Attributes:
        begin_ns, end_ns: our readings before and after it.
        other_begin_ns, other_end_ns: the event on the other clock.
    """

    begin_ns: int
    end_ns: int
    other_begin_ns: int
    other_end_ns: int


class ClockMap:
    """A straight line from the other clock to ours, through anchors before and after what is to be mapped.

    Each anchor bounds the offset: ours before the event is at most its begin, ours after it at least its end. Of
    several, the narrowest bounds count. Two groups of anchors correct the different speeds of the clocks between them.

    Args:
        first: anchors before; at least one.
        last: anchors after; at least one.

    Attributes:
        uncertainty_ns: the most by which a mapped time between the two groups may be off.
    """

    def __init__(self, first: Sequence[Anchor], last: Sequence[Anchor]) -> None:
        self._begin_ns, self._offset_ns, first_half_ns = _offset(first)
        end_ns, last_offset_ns, last_half_ns = _offset(last)
        self._drift = (last_offset_ns - self._offset_ns) / max(1, end_ns - self._begin_ns)
        self.uncertainty_ns = max(first_half_ns, last_half_ns)

    def ours(self, other_ns: int) -> int:
        """Return the time on our clock of a time on the other."""
        return other_ns + self._offset_ns + round(self._drift * (other_ns - self._begin_ns))


def _offset(anchors: Sequence[Anchor]) -> tuple[int, int, int]:
    """Return a time of the other clock, the offset there, and the most by which it may be off.

    Bounds that exclude each other, by an event that one of the clocks stamped too late, are narrower than they should
    be: half of the distance between them is then the uncertainty.
    """
    low = max(anchor.begin_ns - anchor.other_begin_ns for anchor in anchors)
    high = min(anchor.end_ns - anchor.other_end_ns for anchor in anchors)
    middle = anchors[len(anchors) // 2].other_begin_ns
    return middle, (low + high) // 2, abs(high - low) // 2 + 1
