"""Write the table of metrics, as ``inference_bench.metrics`` declares them, into the guide.

python docs/metrics_table.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from inference_bench.metrics import METRICS

GUIDE = Path(__file__).with_name("guide.md")
BEGIN, END = "<!-- metrics: written by docs/metrics_table.py -->", "<!-- end of metrics -->"


def with_metrics(guide: str) -> str:
    """Return the guide's text with the table between its two marks."""
    table = "\n".join(_lines())
    return re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n\n{table}\n\n{END}", guide, flags=re.DOTALL)


def _lines() -> Iterator[str]:
    yield "| metric | unit | better | definition | source |"
    yield "| --- | --- | --- | --- | --- |"
    for metric in METRICS.values():
        cells = (metric.unit, metric.better.value, metric.formula, metric.source)
        yield f"| `{metric.tag}` ({_plain(metric.title)}) | {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Return text in which nothing is Markdown."""
    return re.sub(r"([|*<\\])", r"\\\1", text)


if __name__ == "__main__":
    GUIDE.write_text(with_metrics(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
