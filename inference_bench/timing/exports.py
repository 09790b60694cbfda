"""A report as JSON, CSV and Markdown: figures with their intervals, times in nanoseconds, memory in bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Literal, NotRequired, TypedDict

import numpy as np

from inference_bench.analysis.comparison_result import word
from inference_bench.text import one_line, spreadsheet_text
from inference_bench.timing.record import Floor, Record
from inference_bench.timing.report import Format, TimeReport, change_text


class TimedEntry(TypedDict):
    """One piece of code or one command; of a parameter there is also ``parameter_NAME``.

    ``cold_ns`` and ``executions`` (per sample) are code's; processor times, memory and exit codes are a command's.
    """

    name: str
    median_ns: float
    low_ns: float | None
    high_ns: float | None
    level: float
    converged: bool
    stop_reason: str
    runs: int
    cold_ns: NotRequired[float]
    executions: NotRequired[int]
    user_ns: NotRequired[float]
    system_ns: NotRequired[float]
    peak_rss_bytes: NotRequired[int | None]
    rounds: Sequence[int]
    samples_ns: Sequence[Sequence[float]]
    exit_codes: Sequence[int | None]


class ChangeEntry(TypedDict):
    """One of them against another."""

    name: str
    against: str
    ratio: float
    interval: tuple[float, float] | None
    verdict: str
    margin: float
    method: str


class TimesDocument(TypedDict):
    """What ``time`` prints."""

    kind: Literal["code", "command"]
    results: Sequence[TimedEntry]
    comparisons: Sequence[ChangeEntry]
    floor: Floor | None
    notes: Sequence[str]
    interrupted: bool


def json_text(report: TimeReport) -> str:
    """Return everything that is known, with all samples."""
    comparisons: list[Mapping[str, object]] = [
        {
            "name": record.name,
            "against": report.baseline,
            "ratio": 1 + row.change,
            "interval": None if row.low is None or row.high is None else [1 + row.low, 1 + row.high],
            "verdict": word(row.verdict, "ns"),
            "margin": row.margin,
            "method": row.method,
        }
        for record, row in zip(report.records, report.changes, strict=True)
        if row is not None
    ]
    found = {
        "kind": report.kind,
        "results": [dict(_fields(record)) | _samples(record) for record in report.records],
        "comparisons": comparisons,
        "floor": None if report.floor is None else asdict(report.floor),
        "notes": report.notes,
        "interrupted": report.interrupted,
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def csv_text(report: TimeReport) -> str:
    """Return one line per record."""
    rows = [dict(_fields(record)) for record in report.records]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([spreadsheet_text(cell) if isinstance(cell, str) else cell for cell in row.values()])
    return stream.getvalue()


def markdown_text(report: TimeReport, show: Format) -> str:
    """Return a table with one row per record, and the notes."""
    has_changes = len(report.records) > 1
    heads = ["what", "median", "95 % interval", "runs", *(["change"] if has_changes else [])]
    lines = [_row(heads), _row(["---", "---:", "---:", "---:", *(["---"] if has_changes else [])])]
    for record, row in zip(report.records, report.changes, strict=True):
        change = "" if row is None else change_text(row)
        found = record.interval_ns
        ends = "–" if found is None else f"{show(found[0])} … {show(found[1])}"
        cells = [f"`{one_line(record.name)}`", show(record.median_ns), ends, str(len(record.processes))]
        lines.append(_row([*cells, *([change] if has_changes else [])]))
    return "\n".join([*lines, "", *(f"- {note}" for note in report.notes)]).rstrip() + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _fields(record: Record) -> Iterator[tuple[str, object]]:
    """Yield name and value of the single figures of a record."""
    low, high = record.interval_ns or (None, None)
    processes = list(record.processes.values())
    first = processes[0]
    yield "name", record.name
    yield from ((f"parameter_{name}", value) for name, value in record.parameters.items())
    yield from (("median_ns", record.median_ns), ("low_ns", low), ("high_ns", high), ("level", 0.95))
    yield from (("converged", record.converged), ("stop_reason", record.stop_reason), ("runs", len(processes)))
    if first.user_ns is None:
        yield from (("cold_ns", first.cold_ns), ("executions", first.executions))
        return
    for name in ("user_ns", "system_ns"):
        yield name, float(np.median([getattr(process, name) for process in processes]))
    yield "peak_rss_bytes", record.peak_rss_bytes


def _samples(record: Record) -> dict[str, object]:
    processes = record.processes.values()
    return {
        "rounds": list(record.processes),
        "samples_ns": [list(process.samples_ns) for process in processes],
        "exit_codes": [process.exit_code for process in processes],
    }
