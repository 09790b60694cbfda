"""A run as events of the Trace Event Format: requests over client and server, or the samples of each metric.

Times are microseconds of the run's own clock, as in the traces of ``live``: traces of one machine can be put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._figures.request_parts import stretches
from inference_bench.result import Chunks, Operations, Requests, Samples
from inference_bench.results.parquet_table import from_arrow
from inference_bench.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_bench.result import BenchmarkResult
    from inference_bench.results.run import Run

_CATEGORY = "request"
_FIRST_BREAKDOWN_LINE = 1_000
"""Number of a line that is below those of all metrics."""


class TraceEvent(TypedDict, total=False):
    """One event; ``ts`` and ``dur`` are microseconds."""

    name: str
    ph: str
    pid: int
    tid: int
    ts: float
    dur: float
    cat: str
    id: str
    args: Mapping[str, int | str]


def trace_events(run: Run) -> Iterator[TraceEvent]:
    """Yield the events of all cases; each case is a process of the trace."""
    for pid, result in enumerate(run.results, start=1):
        files = run.files.get(result.case.id) or {}
        yield _name("process_name", result.case.slug, pid)
        if files.get("requests"):
            yield from _requests(run, result, pid)
        elif files.get("samples"):
            yield from _samples(from_arrow(run.table(result, "samples"), Samples), pid)
        if files.get("operations"):
            yield from _operations(from_arrow(run.table(result, "operations"), Operations), pid)


def _requests(run: Run, result: BenchmarkResult, pid: int) -> Iterator[TraceEvent]:
    table = from_arrow(run.table(result, "requests"), Requests)
    for row in range(len(table)):
        yield from _request(table, row, pid)
    if (run.files.get(result.case.id) or {}).get("chunks"):
        yield from _chunks(from_arrow(run.table(result, "chunks"), Chunks), pid)


def _request(table: Requests, row: int, pid: int) -> Iterator[TraceEvent]:
    """Yield a request as one line: the whole, its parts in it, and when the server handed its answer over."""
    number, outcome = int(table.request[row]), str(table.outcome[row])
    line = _line(int(table.run[row]), str(table.stage[row]), number)
    parts = list(stretches(table, row, both_sides=False))
    begin_ns, end_ns = int(table.planned_ns[row]), max((part.end_ns for part in parts), default=-1)
    if end_ns < 0:
        return
    told = {"server_request": int(table.server_request[row])} if table.server_request[row] >= 0 else {}
    about: dict[str, int | str] = {
        "stage": str(table.stage[row]),
        "process": int(table.run[row]),
        "outcome": outcome,
        **told,
    }
    yield _on(line, pid, "b", f"request {number}", begin_ns, about)
    for part in parts:
        yield _on(line, pid, "b", part.part.name, part.begin_ns)
        yield _on(line, pid, "e", part.part.name, part.end_ns)
    for name, column in (("first bytes handed over", "server_first_ns"), ("last bytes handed over", "server_sent_ns")):
        if (instant_ns := int(getattr(table, column)[row])) >= 0:
            yield _on(line, pid, "n", name, instant_ns)
    yield _on(line, pid, "e", f"request {number}", end_ns)


def _chunks(table: Chunks, pid: int) -> Iterator[TraceEvent]:
    """Yield each event of an answer as an instant on the line of its request."""
    arrived = np.where(table.kernel_ns >= 0, table.kernel_ns, table.read_ns)
    columns = (table.run.tolist(), table.stage.tolist(), table.request.tolist(), table.kind.tolist())
    for run, stage, number, kind, tokens, time_ns in zip(
        *columns, table.tokens.tolist(), arrived.tolist(), strict=True
    ):
        about = {"tokens": tokens} if tokens >= 0 else {}
        yield _on(_line(run, stage, number), pid, "n", f"{kind} arrives", time_ns, about)


def _line(run: int, stage: str, number: int) -> str:
    """Return the id of a request's line, which no other request of the case has."""
    return f"{run} {stage} {number}"


def _on(
    line: str, pid: int, phase: str, name: str, time_ns: int, about: Mapping[str, int | str] | None = None
) -> TraceEvent:
    event: TraceEvent = {"name": name, "cat": _CATEGORY, "ph": phase, "pid": pid, "tid": 0, "ts": time_ns / NS_PER_US}
    event["id"], event["args"] = f"{pid} {line}", about or {}
    return event


def _samples(table: Samples, pid: int) -> Iterator[TraceEvent]:
    """Yield the timed samples, one line per process and metric."""
    timed = [metric for metric in np.unique(table.metric).tolist() if unit_of(metric) == "ns"]
    lines = [(run, metric) for run in np.unique(table.run).tolist() for metric in timed]
    for tid, (run, metric) in enumerate(lines, start=1):
        yield _name("thread_name", f"{title_of(metric)}, process {run}", pid, tid)
        for row in np.flatnonzero((table.run == run) & (table.metric == metric) & (table.start_ns >= 0)):
            event: TraceEvent = {"name": str(table.phase[row]) or metric, "ph": "X", "pid": pid, "tid": tid}
            event["ts"], event["dur"] = int(table.start_ns[row]) / NS_PER_US, int(table.value[row]) / NS_PER_US
            event["args"] = {"stage": str(table.stage[row]), "iteration": int(table.iteration[row])}
            yield event


def _operations(table: Operations, pid: int) -> Iterator[TraceEvent]:
    """Yield the steps, modules and operators of the breakdown, one line per way of recording and thread."""
    keys = list(zip(table.run.tolist(), table.recorded_by.tolist(), table.thread.tolist(), strict=True))
    lines = {key: tid for tid, key in enumerate(dict.fromkeys(keys), start=_FIRST_BREAKDOWN_LINE)}
    for (run, recorded_by, thread), tid in lines.items():
        yield _name("thread_name", f"breakdown by {recorded_by}, {thread}, process {run}", pid, tid)
    for row, key in enumerate(keys):
        step, module, operator = str(table.step[row]), str(table.module[row]), str(table.operator[row])
        event: TraceEvent = {"name": operator or module or step, "ph": "X", "pid": pid, "tid": lines[key]}
        event["ts"], event["dur"] = int(table.start_ns[row]) / NS_PER_US, int(table.duration_ns[row]) / NS_PER_US
        event["args"] = {"step": step, "module": module, "repetition": int(table.repetition[row])}
        yield event


def _name(kind: str, name: str, pid: int, tid: int = 0) -> TraceEvent:
    return {"name": kind, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
