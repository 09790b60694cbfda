"""A timing as a small HTML fragment for notebooks: text and a histogram in the page's own colours, no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.text import one_line
from inference_bench.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_WIDTH, _HEIGHT, _BARS = 240, 32, 48
_SHOWN = 0.99
"""The histogram ends at this quantile, so that one slow call does not squeeze all others into one bar."""


def html_of(name: str, headline: str, lines: Iterable[str], samples_ns: NDArray[np.int64]) -> str:
    """Return a timing as a fragment that fits a light and a dark page.

    Args:
        name: what was timed.
        headline: its median and interval.
        lines: what else there is to say.
        samples_ns: at least one, shape (n,).
    """
    faint = "".join(f'<div style="opacity:.7">{escape(line)}</div>' for line in lines)
    return (
        f'<div style="line-height:1.5"><div>{escape(one_line(name))}: <b>{escape(headline)}</b></div>'
        f"{_histogram(samples_ns)}{faint}</div>"
    )


def _histogram(samples_ns: NDArray[np.int64]) -> str:
    ordered = np.sort(samples_ns)
    low, high = float(ordered[0]), float(ordered[int(_SHOWN * (len(ordered) - 1))])
    if high <= low:
        return ""
    counts, _ = np.histogram(ordered, bins=_BARS, range=(low, high))
    step = _WIDTH / _BARS
    heights = counts * (_HEIGHT / counts.max())
    bars = "".join(
        f'<rect x="{place * step:.1f}" y="{_HEIGHT - height:.1f}" width="{step - 1:.1f}" height="{height:.1f}"/>'
        for place, height in enumerate(heights)
        if height
    )
    label = f"histogram from {format_ns(low)} to {format_ns(high)}"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{label}" fill="currentColor" '
        f'style="opacity:.55"><title>{label}</title>{bars}</svg>'
    )
