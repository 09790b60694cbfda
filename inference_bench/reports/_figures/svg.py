"""Charts as SVG for readers without scripts: no font and no picture from elsewhere, in the page's own colours."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from inference_bench.reports._figures.figure import Figure, Point, Series, Shape
from inference_bench.reports._figures.layout import WIDTH, Label, Layout, inside, layout, share, shortened

_RADIUS = 4.0
_MARKERS = (
    "M{r} 0A{r} {r} 0 1 1-{r} 0A{r} {r} 0 1 1 {r} 0Z",
    "M-{s}-{s}H{s}V{s}H-{s}Z",
    "M0-{t}L{t} 0L0 {t}L-{t} 0Z",
    "M0-{t}L{t} {s}H-{t}Z",
)
"""Circle, square, diamond, triangle around the origin: colours are not the only difference."""


def draw(figure: Figure) -> str:
    """Return an ``<svg>`` element without a size of its own, text in the page's colour and font."""
    sizes = layout(figure)
    place = _Places(figure, sizes)
    parts = [
        *_grid(figure, place),
        *_marks(figure, place),
        *_levels(figure, place),
        *_front(figure, place),
        *(part for series in figure.series for part in _series(series, place)),
        *(_label(label) for label in sizes.labels),
        *_texts(figure, place),
    ]
    return f'<svg class="static" viewBox="0 0 {WIDTH} {sizes.height}" aria-hidden="true">{"".join(parts)}</svg>'


def marker(colour: str) -> str:
    """Return the path of a colour's marker around the origin."""
    number = int(colour[1:]) if colour[1:].isdigit() else 0
    return _MARKERS[number % len(_MARKERS)].format(r=_RADIUS, s=_RADIUS * 0.86, t=_RADIUS * 1.3)


class _Places:
    """Positions on the drawing."""

    def __init__(self, figure: Figure, sizes: Layout) -> None:
        self.sizes = sizes
        self.left, self.right = float(sizes.left), float(WIDTH - sizes.right)
        self.top, self.bottom = float(sizes.top), float(sizes.height - sizes.bottom)
        rows = len(figure.y.names) or abs(figure.y.high - figure.y.low)
        self.row = (self.bottom - self.top) / rows
        self._x, self._y = figure.x, figure.y

    def x(self, value: float) -> float:
        return self.left + share(self._x, value) * (self.right - self.left)

    def y(self, value: float) -> float:
        below = 0.25 * self.row if self.sizes.names_above else 0.0
        return self.bottom - share(self._y, value) * (self.bottom - self.top) + below


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    if not text:
        return ""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


def _grid(figure: Figure, at: _Places) -> Iterator[str]:
    yield from (_line(at.x(value), at.top, at.x(value), at.bottom, "grid") for value, _ in figure.x.ticks)
    yield from (_line(at.left, at.y(value), at.right, at.y(value), "grid") for value, _ in figure.y.ticks)


def _marks(figure: Figure, at: _Places) -> Iterator[str]:
    for mark, level in zip(figure.marks, at.sizes.levels, strict=True):
        x = at.x(mark.x)
        if mark.high is None:
            yield _line(x, at.top, x, at.bottom, "mark")
        else:
            width = max(1.0, at.x(mark.high) - x)
            size = f'width="{_n(width)}" height="{_n(at.bottom - at.top)}"'
            yield f'<rect class="band" x="{_n(x)}" y="{_n(at.top)}" {size}/>'
        yield _text(x, at.top - 4 - 15 * level, mark.text)


def _levels(figure: Figure, at: _Places) -> Iterator[str]:
    for level in figure.levels:
        y = at.y(level.y)
        yield _line(at.left, y, at.right, y, "mark")
        yield _text(at.left + 4, y - 4, level.text)


def _front(figure: Figure, at: _Places) -> Iterator[str]:
    if len(figure.front) > 1:
        points = "L".join(f"{_n(at.x(x))} {_n(at.y(y))}" for x, y in figure.front)
        yield f'<path class="front" d="M{points}"/>'


def _series(series: Series, at: _Places) -> Iterator[str]:
    kind = f"{series.colour} pale" if series.is_pale else series.colour
    if series.shape is Shape.BARS:
        yield from (_bar(point, series, kind, at) for point in series.points)
    elif series.shape is Shape.FRAMES:
        yield from (part for point in series.points for part in _frame(point, series, kind, at))
        return
    elif series.shape in (Shape.CURVE, Shape.STEPS):
        yield f'<path class="line {kind}" d="{_path(series, at)}"/>'
        return
    elif series.shape is Shape.LINE:
        for one, other in pairwise(series.points):
            dashed = "" if one.is_sure and other.is_sure else " unsure"
            yield _line(at.x(one.x), at.y(one.y), at.x(other.x), at.y(other.y), f"line{dashed} {kind}")
    for point in series.points:
        yield from _ends(point, "neutral" if series.shape is Shape.BARS else kind, at)
        if series.shape is not Shape.BARS:
            hollow = "" if point.is_sure else " hollow"
            where = f"translate({_n(at.x(point.x))} {_n(at.y(point.y))})"
            yield f'<path class="dot{hollow} {kind}" transform="{where}" d="{marker(series.colour)}"/>'


def _bar(point: Point, series: Series, kind: str, at: _Places) -> str:
    left, right = sorted((at.x(point.start), at.x(point.x)))
    height = series.thickness * (at.row * (0.5 if at.sizes.names_above else 1))
    hollow = "" if point.is_sure else " hollow"
    return (
        f'<rect class="bar{hollow} {kind}" x="{_n(left)}" y="{_n(at.y(point.y) - height / 2)}" '
        f'width="{_n(max(0.5, right - left))}" height="{_n(height)}"/>'
    )


def _frame(point: Point, series: Series, kind: str, at: _Places) -> Iterator[str]:
    yield _bar(point, series, kind, at)
    left, right = at.x(point.start), at.x(point.x)
    yield _text(left + 2, at.y(point.y) + 4, inside(point.label, right - left))


def _path(series: Series, at: _Places) -> str:
    path: list[str] = []
    for point in series.points:
        x, y = _n(at.x(point.x)), _n(at.y(point.y))
        path.append(f"M{x} {y}" if not path else f"H{x}V{y}" if series.shape is Shape.STEPS else f"L{x} {y}")
    return "".join(path)


def _ends(point: Point, kind: str, at: _Places) -> Iterator[str]:
    if point.x_ends:
        yield _line(at.x(point.x_ends[0]), at.y(point.y), at.x(point.x_ends[1]), at.y(point.y), f"ends {kind}")
    if point.y_ends:
        yield _line(at.x(point.x), at.y(point.y_ends[0]), at.x(point.x), at.y(point.y_ends[1]), f"ends {kind}")


def _label(label: Label) -> str:
    return _text(label.x, label.y, label.text, "end" if label.is_left else "start")


def _texts(figure: Figure, at: _Places) -> Iterator[str]:
    yield from (_text(at.x(value), at.bottom + 15, text, "middle") for value, text in figure.x.ticks)
    yield from (_text(at.left - 5, at.y(value) + 4, text, "end") for value, text in figure.y.ticks)
    for place, name in enumerate(figure.y.names):
        is_heading = place in figure.y.headings
        y = at.y(place) + 4 - (0.5 * at.row if at.sizes.names_above else 0)
        yield _text(0, y, shortened(name, WIDTH), kind="strong" if is_heading else "")
    yield _text(WIDTH, at.sizes.height - 4, shortened(figure.x.label, WIDTH), "end", "quiet")
    yield _text(0, 13, shortened(figure.y.label, WIDTH), kind="quiet")
