"""Records as a Chrome trace: the JSON that Perfetto and chrome://tracing open."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import inference_bench._native as _native

_US = 1_000


def chrome_trace(batches: Sequence[_native.SpanRecords], name: str, window_ns: int) -> bytes:
    """Return the records of the last ``window_ns`` as a trace.

    Blocks stand on their thread's line. What began and ended by id (requests, generations) may do so on different
    threads and stands on a line of its own (asynchronous events).

    Args:
        batches: oldest first.
        name: of the process in the trace.
        window_ns: what ended longer ago is left out.
    """
    pid = os.getpid()
    since_ns = _native.now_ns() - window_ns
    events = [event for batch in batches for event in _events(batch, pid, since_ns)]
    _drop_halves(events)
    head = {"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": name}}
    return json.dumps({"traceEvents": [head, *events], "displayTimeUnit": "ns"}).encode()


def _events(batch: _native.SpanRecords, pid: int, since_ns: int) -> Iterator[dict[str, Any]]:
    table = batch.records()
    names, kinds = table.labels("name") or [], table.labels("kind") or []
    columns = (table.column(column) for column in ("name", "kind", "thread", "id", "value", "begin_ns", "end_ns"))
    for label, kind, thread, number, value, begin_ns, end_ns in zip(*columns, strict=True):
        if end_ns < since_ns:
            continue
        event: dict[str, Any] = {"name": names[label], "pid": pid, "tid": thread, "ts": begin_ns / _US}
        if kinds[kind] == "span":
            yield event | {"ph": "X", "dur": (end_ns - begin_ns) / _US, "args": {"request": value} if value else {}}
        elif kinds[kind] in ("begin", "end"):
            phase = "b" if kinds[kind] == "begin" else "e"
            args = {"request": value} if value else {}
            yield event | {"ph": phase, "cat": names[label], "id": f"{number:#x}", "args": args}
        elif kinds[kind] == "instant":
            yield event | {"ph": "i", "s": "t", "args": {"request": value} if value else {}}
        else:
            yield event | {"ph": "C", "args": {"value": value}}


def _drop_halves(events: list[dict[str, Any]]) -> None:
    """Remove ends whose beginning lies before the window: viewers refuse them. An open beginning is shown as open."""
    begun: set[tuple[str, str]] = set()
    kept = []
    for event in sorted(events, key=lambda event: event["ts"]):
        key = (event["name"], event.get("id", ""))
        if event["ph"] == "b":
            begun.add(key)
        if event["ph"] == "e" and key not in begun:
            continue
        kept.append(event)
    events[:] = kept
