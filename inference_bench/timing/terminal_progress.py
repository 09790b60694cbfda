"""The progress of a long timing: one line on a terminal that disappears, and nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inference_bench._native import now_ns
from inference_bench.text import one_line
from inference_bench.units import NS_PER_S, format_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_bench.benchmark.measurement import CaseProgressFields

_CLEAR = "\r\x1b[K"


@contextmanager
def terminal_progress(name: str, enabled: bool | None = None) -> Iterator[Callable[[CaseProgressFields], None] | None]:
    """Give what shows the progress of a measurement once it has taken a second; None if nothing is to be shown.

    Args:
        name: of what is timed.
        enabled: None for only if standard error is a terminal.
    """
    stream = sys.stderr
    if enabled is False or (enabled is None and not (stream is not None and stream.isatty())):
        yield None
        return
    began_ns, shown = now_ns(), False

    def show(fields: CaseProgressFields) -> None:
        nonlocal shown
        if now_ns() - began_ns >= NS_PER_S:
            shown = True
            stream.write(f"{_CLEAR}{one_line(name)[:40]}: {_words(fields)}")
            stream.flush()

    try:
        yield show
    finally:
        if shown:
            stream.write(_CLEAR)
            stream.flush()


def _words(fields: CaseProgressFields) -> str:
    (median,), (width,) = fields["medians"].values(), fields["widths"].values()
    precision = "" if width is None else f" ±{width / 2:.1%}"
    return f"{'' if median is None else format_ns(median)}{precision}, {fields['samples']:,} calls"
