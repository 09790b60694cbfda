"""The margin of a comparison: changes up to this size count as none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference_bench.analysis.evidence import Evidence
from inference_bench.analysis.observations import Observations

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
    """

    limit: float
    source: str


def margin_of(before: Observations, after: Observations, asked: float, floor: AAFloor, found: Evidence) -> Margin:
    """Return the largest margin: what was asked for, the A/A floor, or twice the resolution.

    A fraction is one of A's figure; where that is zero, the resolution remains.

    Args:
        before: A.
        after: B.
        asked: changes up to this fraction count as none.
        floor: the A/A floor of this machine.
        found: the evidence for a change.
    """
    known = [each for each in (floor(before), floor(after)) if each is not None]
    candidates = (
        Margin(found.scaled(asked), "asked for"),
        Margin(found.scaled(max(known, default=0.0)), "A/A floor"),
        Margin(found.scaled_size(2 * found.resolution), "2 × resolution"),
    )
    return max(candidates, key=lambda margin: margin.limit)
