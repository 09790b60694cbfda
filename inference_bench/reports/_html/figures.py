"""Charts as HTML: the drawing, its legend, its numbers as a table, and its description for the script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import orjson

from inference_bench.reports._figures.figure import Axis, Figure, Point, Series, Shape
from inference_bench.reports._figures.layout import WIDTH, layout
from inference_bench.reports._figures.svg import draw, marker
from inference_bench.reports._html.tables import Cases, table_of

_DIGITS = 5
"""Significant digits of positions: a drawing has fewer pixels."""


def figures_of(figures: Sequence[Figure], cases: Cases) -> str:
    """Return all charts."""
    return "".join(_figure(number, figure, cases) for number, figure in enumerate(figures, 1))


def descriptions(figures: Sequence[Figure], cases: Cases) -> str:
    """Return the charts as JSON that is safe inside of a script element."""
    plain = [_plain(figure, cases) for figure in figures]
    return orjson.dumps(plain).decode().replace("<", "\\u003c")


def _figure(number: int, figure: Figure, cases: Cases) -> str:
    title = escape(figure.title)
    name = f"figure-{number}"
    note = f"<p>{escape(figure.note)}</p>" if figure.note else ""
    label = f"{title}: the numbers are in the table below"
    return (
        f'<figure aria-labelledby="{name}"><figcaption id="{name}">{title}</figcaption>'
        f'<div class="drawing" role="img" aria-label="{label}">{draw(figure)}</div>{_legend(figure)}{note}'
        f"<details><summary>The numbers</summary>{table_of(figure.data, cases, is_titled=False)}</details></figure>"
    )


def _legend(figure: Figure) -> str:
    """Return the names of the series; empty if there is nothing to tell apart."""
    entries = "".join(
        f'<li><svg class="{series.colour}" viewBox="-6 -6 12 12" aria-hidden="true"><path class="dot" '
        f'd="{_sign(series)}"/></svg>{escape(series.name)}</li>'
        for series in figure.legend
    )
    return f'<ul class="legend">{entries}</ul>' if entries else ""


def _sign(series: Series) -> str:
    """Return the path of a series' sign in the legend: a square for bars, else the mark of its colour."""
    return "M-4-4H4V4H-4Z" if series.shape in (Shape.BARS, Shape.FRAMES) else marker(series.colour)


def _plain(figure: Figure, cases: Cases) -> dict[str, Any]:
    """Return a chart as the script takes it; ``charts.js`` names the fields."""
    sizes = layout(figure)
    return {
        "width": WIDTH,
        "height": sizes.height,
        "left": sizes.left,
        "right": sizes.right,
        "top": sizes.top,
        "bottom": sizes.bottom,
        "above": sizes.names_above,
        "x": _axis(figure.x),
        "y": _axis(figure.y),
        "series": [_series(series, cases) for series in figure.series],
        "marks": [
            {"x": mark.x, "high": mark.high, "text": mark.text, "level": level}
            for mark, level in zip(figure.marks, sizes.levels, strict=True)
        ],
        "labels": [{"text": one.text, "dx": one.dx, "dy": one.dy, "left": one.is_left} for one in sizes.labels],
        "front": figure.front,
        "levels": [{"y": _short(level.y), "text": level.text} for level in figure.levels],
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "label": axis.label,
        "domain": [axis.high, axis.low] if axis.is_flipped else [axis.low, axis.high],
        "ticks": axis.ticks,
        "log": axis.is_log,
        "names": axis.names,
        "headings": sorted(axis.headings),
    }


def _series(series: Series, cases: Cases) -> dict[str, Any]:
    return {
        "name": series.name,
        "colour": series.colour,
        "shape": series.shape,
        "pale": series.is_pale,
        "thickness": _short(series.thickness),
        "says": series.says,
        "points": [_point(point, cases, is_framed=series.shape is Shape.FRAMES) for point in series.points],
    }


def _point(point: Point, cases: Cases, *, is_framed: bool) -> dict[str, Any]:
    """Return a point without what is usual, so that curves stay small."""
    found = {
        "x": _short(point.x),
        "y": _short(point.y),
        "xEnds": point.x_ends and [_short(end) for end in point.x_ends],
        "yEnds": point.y_ends and [_short(end) for end in point.y_ends],
        "start": _short(point.start),
        "unsure": not point.is_sure,
        "text": point.text,
        "labelled": bool(point.label) and not is_framed,
        "label": point.label if is_framed else "",
        "cases": [cases.number(case) for case in point.cases],
    }
    return {name: value for name, value in found.items() if name in ("x", "y") or value}


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
