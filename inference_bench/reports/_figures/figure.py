"""A chart, described: axes, series of points with intervals, and the same numbers as a table for screen readers.

A description says what stands where and what it means. ``svg.py`` draws it without scripts, ``document_charts.js`` with
them; both take the same axes, ticks, colours and margins from here, so that the two drawings agree.
Names come from plugins: as on a page, control codes are removed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from inference_bench.text import one_line

if TYPE_CHECKING:
    from inference_bench.reports._pages.document import Table

Ends = tuple[float, float]
"""Lower and upper end of an interval."""

MOST_SERIES = 8
"""Curves in one chart: more are hard to distinguish."""

COLOURS = 8
"""Colours of the palette ``c0`` … ``c7``, which tells set-ups apart."""

SHADES = 6
"""Shades of the palette ``s0`` … ``s5``, which tells parts of one thing apart."""

NEUTRAL = "neutral"
"""The colour of what belongs to no set-up, such as a margin or the Pareto front."""


class Shape(StrEnum):
    """How the points of a series are drawn."""

    POINTS = "points"
    LINE = "line"
    """Points joined in their order; dashed where either end has no interval."""
    CURVE = "curve"
    """Joined without points."""
    STEPS = "steps"
    """A curve that keeps its value until the next point."""
    BARS = "bars"
    """Horizontal bars from ``start`` to ``x``."""
    FRAMES = "frames"
    """Bars that fill their rows; the label of each stands inside, where it fits."""


@dataclass(frozen=True, slots=True)
class Point:
    """One mark.

    Attributes:
        x, y: position, in the units of the axes; on an axis of names, the place of the name.
        x_ends, y_ends: interval of each, or None.
        start: where a bar begins.
        is_sure: whether it has the interval that it could have; one that has not is hollow.
        text: what it says: whose, figure, interval, n.
        cases: ids of the cases that it comes from.
        label: written beside it.
    """

    x: float
    y: float
    x_ends: Ends | None = None
    y_ends: Ends | None = None
    start: float = 0.0
    is_sure: bool = True
    text: str = ""
    cases: tuple[str, ...] = ()
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))
        object.__setattr__(self, "label", one_line(self.label))


@dataclass(frozen=True, slots=True)
class Series:
    """Marks of one colour.

    Attributes:
        name: for the legend; empty if the legend does not name it.
        colour: of the page's palette: ``c0`` …, ``s0`` … or ``neutral``.
        shape: how the points are drawn.
        points: in the order of drawing.
        is_pale: drawn lighter, as what counts less.
        thickness: of a bar, in rows.
        says: text of a point that has none of its own, with ``{x}`` and ``{y}``.
    """

    name: str
    colour: str
    shape: Shape
    points: tuple[Point, ...]
    is_pale: bool = False
    thickness: float = 0.6
    says: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name))
        object.__setattr__(self, "says", one_line(self.says))


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Attributes:
        label: quantity, unit, and which way is better.
        low, high: its ends.
        ticks: positions and what is written there.
        is_log: whether it is logarithmic.
        is_flipped: whether its low end is right, or at the top.
        names: what stands at 0, 1, 2 …, from the top; empty for an axis of numbers.
        headings: places of the names that are headings of those below them.
    """

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()
    is_log: bool = False
    is_flipped: bool = False
    names: tuple[str, ...] = ()
    headings: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", one_line(self.label))
        object.__setattr__(self, "names", tuple(map(one_line, self.names)))


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled vertical line.

    Attributes:
        x: where.
        text: what is there.
        high: where the marked stretch ends, or None for a line.
    """

    x: float
    text: str
    high: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True, slots=True)
class Level:
    """A labelled horizontal line.

    Attributes:
        y: where.
        text: what is there.
    """

    y: float
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Attributes:
        title: what it shows.
        x: the horizontal axis.
        y: the vertical axis.
        series: what is drawn, the first one at the back.
        data: the same as a table.
        marks: what is marked on the x axis.
        note: sentences below it.
        front: the Pareto front, from left to right; empty if there is none.
        levels: what is marked on the y axis.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    data: Table
    marks: Sequence[Mark] = ()
    note: str = ""
    front: tuple[tuple[float, float], ...] = ()
    levels: Sequence[Level] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))
        object.__setattr__(self, "note", one_line(self.note))

    @property
    def legend(self) -> list[Series]:
        """The series that the legend names: none if there is a single name; one entry per name."""
        named = {series.name: series for series in reversed(self.series) if series.name}
        return list(reversed(named.values())) if len(named) > 1 else []
