"""The records of a span recorder as one dict per row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from inference_bench._native import SpanRecorder


def rows(recorder: SpanRecorder) -> list[dict[str, Any]]:
    """Drain the recorder and return every record."""
    return pa.table(recorder.drain()).to_pylist()


def spans(recorder: SpanRecorder) -> list[dict[str, Any]]:
    """Drain the recorder and return its spans."""
    return pa.table(recorder.drain().spans()).to_pylist()


def names(recorder: SpanRecorder) -> Counter[str]:
    """Drain the recorder and count its records by name."""
    return Counter(row["name"] for row in rows(recorder))


def contains(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Return whether the inner span lies within the outer one."""
    return (
        outer["begin_ns"] <= inner["begin_ns"]
        and inner["begin_ns"] + inner["duration_ns"] <= outer["begin_ns"] + outer["duration_ns"]
    )
