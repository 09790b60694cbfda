"""The margin of a comparison: changes up to this size count as none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.analysis.observations import Observations

if TYPE_CHECKING:
    from inference_bench.analysis.evidence import Evidence

MARGIN = 0.01
"""Default margin, as a fraction."""

AAFloor = Callable[[Observations], float | None]
"""Returns the A/A floor of observations as a fraction, or None if it was not measured."""


def no_aa_floor(_: Observations) -> None:
    """Return None: the A/A floor of this machine was not measured."""


@dataclass(frozen=True, slots=True)
class Margin:
    """The largest of several margins.

    Attributes:
        limit: on the scale of the shift.
        source: where it comes from.
        doubt: changes up to this size, on the same scale, may come from the instruments or from a drift of the machine
            alone; an interval over runs does not cover them.
    """

    limit: float
    source: str
    doubt: float = 0.0


def margin_of(
    before: Observations,
    after: Observations,
    asked: float,
    floor: AAFloor,
    found: Evidence,
    *,
    covered: bool = False,
) -> Margin:
    """Return the largest margin: what was asked for, the A/A floor, or twice the resolution.

    A fraction is one of A's figure; where that is zero, the resolution remains. The floor of runs that were measured in
    turn is their chance alone, which their interval covers, and an interval over machines covers how each drifts: it
    does not count as doubt, nor against a margin of zero.

    Args:
        before: A.
        after: B.
        asked: changes up to this fraction count as none.
        floor: the A/A floor of this machine.
        found: the evidence for a change.
        covered: whether the interval covers what a machine does by itself: the processes of both sides took turns, or
            the change is over machines.
    """
    known = [each for each in (floor(before), floor(after)) if each is not None]
    of_floor = Margin(found.scaled(max(known, default=0.0)), "A/A floor")
    resolution = Margin(found.scaled_size(2 * found.resolution), "2 × resolution")
    doubts = [resolution] if covered else [of_floor, resolution]
    others = [of_floor, resolution] if asked > 0 else doubts
    largest = max([Margin(found.scaled(asked), "asked for"), *others], key=lambda margin: margin.limit)
    return replace(largest, doubt=max(each.limit for each in doubts))
