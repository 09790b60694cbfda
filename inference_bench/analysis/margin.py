"""The margin of a comparison: changes up to this size count as none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
        fraction: of A's figure.
        source: where it comes from.
    """

    fraction: float
    source: str


def margin_of(before: Observations, after: Observations, asked: float, floor: AAFloor, size: float) -> Margin:
    """Return the largest margin: what was asked for, the A/A floor, or twice the resolution.

    Args:
        before: A.
        after: B.
        asked: changes up to this fraction count as none.
        floor: the A/A floor of this machine.
        size: A's figure, not negative, in the metric's unit.
    """
    known = [found for found in (floor(before), floor(after)) if found is not None]
    resolution = 2 * max(before.resolution, after.resolution)
    candidates = (
        Margin(asked, "asked for"),
        Margin(max(known, default=0.0), "A/A floor"),
        Margin(resolution / size if size else 0.0, "2 × resolution"),
    )
    return max(candidates, key=lambda margin: margin.fraction)
