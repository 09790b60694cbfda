"""Figures as SVG, drawn by matplotlib: no script, no font and no picture from elsewhere, and sharp at any size."""

from __future__ import annotations

import io
import re
from itertools import cycle
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from inference_bench.errors import UsageError
from inference_bench.reports._figures.figure import Figure, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Okabe and Ito's colours, told apart by nearly everybody; the black of the set is the text's own colour here.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#B2A400")
_STYLES = ("-", "--", "-.", ":")
_MARKERS = "osD^vPX"

_DENSE = 30
"""Points of a curve above which each is no longer marked."""

_MOST_TICKS = 12

_ROW_NAME, _LEGEND_NAME, _LEGEND_LINE = 32, 64, 76
"""Characters in a line of a row's name, of a legend's, and of a whole legend."""

_FAR_APART = 50
"""Ratio of the largest to the smallest value above which curves would lie on the axis, unless it is logarithmic."""

_INK = "#010203"
"""Stands for the page's text colour, light or dark, and is replaced by it."""

_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text: to be searched, read aloud, and set in the page's font
    "svg.hashsalt": "inference_bench",  # the same figure is the same file
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": _INK,
}


def draw(figure: Figure) -> str:
    """Return an ``<svg>`` element without a size of its own, text in the page's colour and font.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        message = "the HTML report needs matplotlib, which is not installed: pip install 'inference-bench[html]'"
        raise UsageError(message) from None
    names = [str(x) for x in figure.series[0].x] if figure.kind in ("bars", "dots", "effects") else []
    height = 1.4 + sum(0.18 + 0.14 * len(_in_lines(name, _ROW_NAME)) for name in names)
    with matplotlib.rc_context(_SETTINGS):
        canvas = Canvas(figsize=(5.4, max(3.0, height)), layout="constrained")
        axes = canvas.add_subplot()
        {"line": _lines, "step": _steps, "bars": _bars, "dots": _dots, "effects": _effects}[figure.kind](axes, figure)
        axes.set_xlabel(figure.x_label)
        axes.set_ylabel(figure.y_label)
        if len(figure.series) > 1:
            longest = max(min(len(series.name), _LEGEND_NAME) for series in figure.series)
            columns = max(1, min(4, _LEGEND_LINE // (longest + 6)))
            canvas.legend(loc="outside lower center", ncols=columns, fontsize=8)
        text = io.StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _of_the_page(text.getvalue())


def _of_the_page(svg: str) -> str:
    """Leave out what belongs to a file of its own, and take the page's colour and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*" width="[^"]*"', _sizeless, svg)
    svg = re.sub(r"font: (\d+(?:\.\d+)?)px [^;\"]*", r"font-size: \1px", svg)
    return svg.replace(_INK, "currentColor")


def _sizeless(found: re.Match[str]) -> str:
    return found.group(1) or found.group(2)


def _lines(axes: Axes, figure: Figure) -> None:
    is_dense = any(len(series.x) > _DENSE for series in figure.series)
    for place, series in enumerate(figure.series):
        number = place if series.look is None else series.look
        colour, marker, style = (looks[number % len(looks)] for looks in (_COLOURS, _MARKERS, _STYLES))
        look: dict[str, Any] = {"color": colour, "linestyle": style, "label": _label(series.name)}
        if series.low and not is_dense:
            look |= {"yerr": _reaches(series), "marker": marker, "markersize": 4, "capsize": 3}
            axes.errorbar(series.x, series.y, linewidth=1.4, **look)
        else:
            axes.plot(series.x, series.y, linewidth=1.2, **look)
    if figure.log_x:
        axes.set_xscale("log", base=2)
        ticks = sorted({float(x) for series in figure.series for x in series.x})
        if len(ticks) <= _MOST_TICKS:
            axes.set_xticks(ticks, [_number(tick) for tick in ticks])
            axes.minorticks_off()
    values = [value for series in figure.series for value in series.y if value > 0]
    if len(figure.series) > 1 and values and max(values) > _FAR_APART * min(values):
        axes.set_yscale("log")
        _number_log(axes.yaxis, min(values), max(values))
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(_number)
    _mark(axes, figure)


def _steps(axes: Axes, figure: Figure) -> None:
    for series, colour, style in zip(figure.series, cycle(_COLOURS), cycle(_STYLES), strict=False):
        x, y = (series.x[0], *series.x), (0.0, *series.y)
        axes.step(x, y, where="post", color=colour, linestyle=style, linewidth=1.4, label=_label(series.name))
    axes.set_ylim(0, 102)
    smallest = min(float(x) for series in figure.series for x in series.x)
    largest = max(float(x) for series in figure.series for x in series.x)
    if smallest > 0 and largest > 20 * smallest:
        axes.set_xscale("log")
        _number_log(axes.xaxis, smallest, largest)


def _bars(axes: Axes, figure: Figure) -> None:
    left = [0.0] * len(figure.series[0].x)
    for series, colour in zip(figure.series, cycle(_COLOURS), strict=False):
        places = range(len(series.x))
        axes.barh(places, series.y, left=left, color=colour, label=_label(series.name), height=0.65)
        left = [start + value for start, value in zip(left, series.y, strict=True)]
    _name_rows(axes, figure)


def _dots(axes: Axes, figure: Figure) -> None:
    for series in figure.series:
        places = range(len(series.x))
        axes.errorbar(series.y, places, xerr=_reaches(series), fmt="o", color=_COLOURS[0], capsize=3, label=series.name)
    axes.set_xlim(0, 1.02)
    _name_rows(axes, figure)


def _effects(axes: Axes, figure: Figure) -> None:
    changes, margins = figure.series
    places = range(len(changes.x))
    width, left = [2 * margin for margin in margins.y], [-margin for margin in margins.y]
    axes.barh(places, width, left=left, color=_COLOURS[6], alpha=0.3, height=0.65, label=margins.name)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.errorbar(changes.y, places, xerr=_reaches(changes), fmt="o", color=_COLOURS[0], capsize=3, label=changes.name)
    _name_rows(axes, figure)


def _name_rows(axes: Axes, figure: Figure) -> None:
    names = ["\n".join(_in_lines(str(name), _ROW_NAME)) for name in figure.series[0].x]
    axes.set_yticks(range(len(names)), [_plain(name) for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _mark(axes: Axes, figure: Figure) -> None:
    """Draw the marks, each word on the lowest line that has room for it."""
    axes.set_xlim(axes.get_xlim())
    ends: list[float] = []
    for mark, colour in zip(figure.marks, cycle(_COLOURS[1:]), strict=False):
        if mark.high is None:
            axes.axvline(mark.x, color=colour, linestyle=":", linewidth=1.2)
        else:
            axes.axvspan(mark.x, mark.high, color=colour, alpha=0.10, linewidth=0)
        start = axes.transAxes.inverted().transform(axes.transData.transform((mark.x, 1.0)))[0]
        level = next((level for level, end in enumerate(ends) if end <= start), len(ends))
        ends[level : level + 1] = [start + 0.02 * (len(mark.text) + 1)]
        height = 1.0 + 0.06 * level
        axes.text(mark.x, height, " " + mark.text, transform=axes.get_xaxis_transform(), fontsize=8, va="bottom")


def _reaches(series: Series) -> list[list[float]]:
    below = [max(0.0, y - low) for y, low in zip(series.y, series.low, strict=True)]
    above = [max(0.0, high - y) for y, high in zip(series.y, series.high, strict=True)]
    return [below, above]


def _number_log(axis: Axis, smallest: float, largest: float) -> None:
    """Write the numbers of a logarithmic axis out, and few enough to stand side by side."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if largest < 100 * smallest else (1.0,)))
    axis.set_major_formatter(_number)
    axis.set_minor_formatter(NullFormatter())


def _number(value: float, _: object = None) -> str:
    return f"{value:,.10g}"


def _label(name: str) -> str:
    return _plain("\n".join(_in_lines(name, _LEGEND_NAME)))


def _in_lines(name: str, width: int) -> list[str]:
    return wrap(name, width) or [""]


def _plain(name: str) -> str:
    """Keep matplotlib from reading a dollar sign as mathematics."""
    return name.replace("$", r"\$")
