"""Records as a Chrome trace: JSON for Perfetto and chrome://tracing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypedDict

import inference_bench._native as _native
from inference_bench.units import NS_PER_US

_PHASES = {"span": "X", "begin": "b", "end": "e", "instant": "i", "counter": "C"}


class TraceEvent(TypedDict, total=False):
    """One event of the Trace Event Format; times are microseconds."""

    name: str
    ph: str
    pid: int
    tid: int
    ts: float
    dur: float
    cat: str
    id: str
    s: str
    args: Mapping[str, int | str]


def chrome_trace(batches: Sequence[_native.SpanRecords], name: str, window_ns: int) -> bytes:
    """Return the records of the last ``window_ns`` as a trace.

    Blocks stand on the line of their thread. Requests and generations, which may begin and end on different threads,
    and blocks of concurrent tasks, which overlap without nesting, stand on lines of their own (asynchronous events).

    Args:
        batches: records, oldest batch first.
        name: name of the process in the trace.
        window_ns: length of the trace; records that ended earlier are left out.
    """
    pid = os.getpid()
    since_ns = _native.now_ns() - window_ns
    events = _nested(event for batch in batches for event in _events(batch, pid, since_ns))
    head: TraceEvent = {"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": name}}
    return json.dumps({"traceEvents": [head, *_without_lone_ends(events)], "displayTimeUnit": "ns"}).encode()


def _events(batch: _native.SpanRecords, pid: int, since_ns: int) -> Iterator[TraceEvent]:
    table = batch.records()
    names, kinds = table.labels("name") or [], table.labels("kind") or []
    columns = (table.column(column) for column in ("name", "kind", "thread", "id", "value", "begin_ns", "end_ns"))
    for label, kind, thread, number, value, begin_ns, end_ns in zip(*columns, strict=True):
        if end_ns < since_ns:
            continue
        event: TraceEvent = {
            "name": names[label],
            "ph": _PHASES[kinds[kind]],
            "pid": pid,
            "tid": thread,
            "ts": begin_ns / NS_PER_US,
            "args": {"request": value} if value else {},
        }
        match kinds[kind]:
            case "span":
                event["dur"] = (end_ns - begin_ns) / NS_PER_US
            case "begin" | "end":
                event["cat"], event["id"] = names[label], f"{number:#x}"
            case "instant":
                event["s"] = "t"
            case "counter":
                event["args"] = {"value": value}
        yield event


def _nested(events: Iterable[TraceEvent]) -> Iterator[TraceEvent]:
    """Yield the events; a block that begins inside another of its thread and ends after it becomes a begin and an end.

    Viewers draw the blocks of a thread as a stack and drop those that do not nest.
    """
    blocks: list[TraceEvent] = []
    for event in events:
        if event["ph"] == "X":
            blocks.append(event)
        else:
            yield event
    blocks.sort(key=lambda block: (block["tid"], block["ts"], -block["dur"]))
    ends: list[float] = []
    thread = None
    for number, block in enumerate(blocks):
        end = block["ts"] + block["dur"]
        if block["tid"] != thread:
            thread, ends = block["tid"], []
        while ends and ends[-1] <= block["ts"]:
            ends.pop()
        if ends and end > ends[-1]:
            yield from _asynchronous(block, f"block {number}")
        else:
            ends.append(end)
            yield block


def _asynchronous(block: TraceEvent, number: str) -> Iterator[TraceEvent]:
    """Yield a block as a pair of events."""
    shared: TraceEvent = {"name": block["name"], "pid": block["pid"], "tid": block["tid"], "cat": block["name"]}
    yield {**shared, "ph": "b", "id": number, "ts": block["ts"], "args": block["args"]}
    yield {**shared, "ph": "e", "id": number, "ts": block["ts"] + block["dur"], "args": {}}


def _without_lone_ends(events: Iterable[TraceEvent]) -> Iterator[TraceEvent]:
    """Yield the events by time, without ends that have no beginning, which viewers refuse."""
    begun: set[tuple[str, str]] = set()
    for event in sorted(events, key=lambda event: (event["ts"], event["ph"] == "e")):
        key = (event["name"], event.get("id", ""))
        if event["ph"] == "b":
            begun.add(key)
        if event["ph"] != "e" or key in begun:
            yield event
