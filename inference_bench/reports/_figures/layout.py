"""Where the parts of a chart are, in pixels at its usual width; the drawings with and without scripts share it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference_bench.reports._figures.figure import Axis, Figure, Shape

WIDTH = 360
"""Width of a drawing without scripts: that of a phone, so that its letters are as large as they say."""

FONT = 12
_LETTER = 6.6
"""Mean width of a letter."""

_LEAST_LETTERS = 4
_NEAR = 5
"""Half the size of a point, with some room."""

_LINE = 15
_PLOT_HEIGHT = 190
_ROW, _TALL_ROW = 21, 38
_FRAME = 17
_LONGEST_BESIDE = 20
"""Letters of a row's name above which names stand above their rows."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text beside a point: the place of its first letter's base line, or of its last one's if it is left of it.

    Attributes:
        text: what is written.
        x, y: in pixels at the usual width.
        dx, dy: the same, from the point.
        is_left: whether it ends before the point.
    """

    text: str
    x: float
    y: float
    dx: float
    dy: float
    is_left: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of one chart.

    Attributes:
        height: of all.
        left, right, top, bottom: margins around the plot.
        names_above: whether the names of rows stand above the rows.
        levels: line of each mark's text, from the plot upwards.
        labels: of the points that have one, in their order.
    """

    height: int
    left: int
    right: int
    top: int
    bottom: int
    names_above: bool
    levels: tuple[int, ...]
    labels: tuple[Label, ...]


def layout(figure: Figure) -> Layout:
    """Return the layout of a chart."""
    names = [name for place, name in enumerate(figure.y.names) if place not in figure.y.headings]
    longest = max(map(len, names), default=0)
    names_above = longest > _LONGEST_BESIDE
    if names:
        left = 8 if names_above else 14 + round(_LETTER * longest)
        plot = (_TALL_ROW if names_above else _ROW) * len(figure.y.names)
    else:
        left = 10 + round(_LETTER * max((len(text) for _, text in figure.y.ticks), default=1))
        has_frames = any(series.shape is Shape.FRAMES for series in figure.series)
        plot = round(_FRAME * abs(figure.y.high - figure.y.low)) if has_frames else _PLOT_HEIGHT
    right = 14
    levels = tuple(_levels(figure, WIDTH - left - right))
    top = 6 + (_LINE + 4 if figure.y.label else 0) + _LINE * (max(levels, default=-1) + 1)
    bottom = 20 + (_LINE + 4 if figure.x.label else 0)
    labels = tuple(_labels(figure, (left, WIDTH - right), (top, top + plot)))
    return Layout(top + plot + bottom, left, right, top, bottom, names_above, levels, labels)


def share(axis: Axis, value: float) -> float:
    """Return how far along an axis a value is, from 0 (left, bottom) to 1; what lies beyond an end is at the end."""
    low, high = axis.low, axis.high
    if axis.is_log:
        low, high, value = math.log(low), math.log(high), math.log(max(value, low))
    along = min(1.0, max(0.0, (value - low) / (high - low)))
    return 1 - along if axis.is_flipped else along


def _labels(figure: Figure, across: tuple[float, float], down: tuple[float, float]) -> Iterator[Label]:
    """Yield each point's label beside it, where no other label and no other point is, if there is such a place."""
    beside = (series for series in figure.series if series.shape is not Shape.FRAMES)
    points = [point for series in beside for point in series.points if point.label]
    at = [
        (
            across[0] + share(figure.x, point.x) * (across[1] - across[0]),
            down[1] - share(figure.y, point.y) * (down[1] - down[0]),
        )
        for point in points
    ]
    taken = [(x - _NEAR, x + _NEAR, y - _NEAR, y + _NEAR) for x, y in at]
    for point, (x, y) in zip(points, at, strict=True):
        width = _LETTER * len(point.label)
        candidates = [
            (Label(point.label, x + dx, y + dy, dx, dy, is_left), _box(x + dx, y + dy, width, is_left))
            for dy in (-7, 15, -20, 28, -33, 41)
            for dx, is_left in ((9, False), (-9, True))
        ]
        inside = [each for each in candidates if each[1][0] >= 0 and each[1][1] <= WIDTH] or candidates
        label, box = next((each for each in inside if not any(_meet(each[1], other) for other in taken)), inside[0])
        taken.append(box)
        yield label


_Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


def _box(x: float, y: float, width: float, is_left: bool) -> _Box:
    return (x - width, x, y - FONT, y + 3) if is_left else (x, x + width, y - FONT, y + 3)


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def inside(text: str, width: float) -> str:
    """Return what of a text fits into a frame of a width in pixels; empty if that is too little to tell anything."""
    return shortened(text, width - 4) if width >= _LEAST_LETTERS * _LETTER else ""


def shortened(text: str, width: float) -> str:
    """Return text that fits a width in pixels, with an ellipsis where it was cut."""
    most = max(1, int(width / _LETTER))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _levels(figure: Figure, width: float) -> Iterator[int]:
    """Yield the lowest line above the plot that has room for each mark's text."""
    ends: list[float] = []
    for mark in figure.marks:
        start = width * (mark.x - figure.x.low) / (figure.x.high - figure.x.low)
        level = next((level for level, end in enumerate(ends) if end <= start), len(ends))
        ends[level : level + 1] = [start + _LETTER * (len(mark.text) + 1)]
        yield level
