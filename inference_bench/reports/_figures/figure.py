"""A chart with the table of its numbers, which screen readers read.

Names come from plugins: as on a page, control codes are removed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.text import one_line

if TYPE_CHECKING:
    from inference_bench.reports._pages.document import Table

MOST_SERIES = 8
"""Curves in one chart: more are hard to distinguish."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, or one row of bars.

    Attributes:
        name: for the legend.
        x: positions, or categories.
        y: values in the chart's unit.
        low, high: ends of the intervals; empty if there are none.
        look: number of its colour, marker and stroke, so that one thing looks the same in several charts; None for
            its place in this one.
    """

    name: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    look: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name))
        object.__setattr__(self, "x", tuple(one_line(x) if isinstance(x, str) else x for x in self.x))


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
class Figure:
    """A chart.

    Attributes:
        title: what it shows.
        kind: ``line``, ``step`` (a curve that jumps), ``bars`` (stacked, a category each), ``dots`` (a row each)
            or ``effects`` (a row each: a change with its interval, and the margin about none).
        x_label: quantity and unit.
        y_label: quantity and unit.
        series: what is drawn.
        data: the same as a table.
        marks: what is marked on the x axis.
        log_x: whether x doubles from step to step.
        note: a sentence below it.
    """

    title: str
    kind: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    data: Table
    marks: Sequence[Mark] = ()
    log_x: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))
