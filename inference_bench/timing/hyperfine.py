"""Commands in the file formats of hyperfine, so that scripts written for it can read them.

Field names, units (seconds) and order are those of hyperfine 1.15 to 1.19. Its mean and standard deviation stand there;
nothing is subtracted for the shell, while hyperfine subtracts its start.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

import numpy as np

from inference_bench.text import spreadsheet_text
from inference_bench.timing.record import Record
from inference_bench.timing.report import UNITS
from inference_bench.units import NS_PER_MS, NS_PER_S

_FIGURES = ("mean", "stddev", "median", "user", "system", "min", "max")


def json_text(records: Sequence[Record]) -> str:
    """Return what ``hyperfine --export-json`` writes."""
    return json.dumps({"results": [_result(record) for record in records]}, indent=2, ensure_ascii=False) + "\n"


def csv_text(records: Sequence[Record]) -> str:
    """Return what ``hyperfine --export-csv`` writes."""
    parameters = list(dict.fromkeys(name for record in records for name in record.parameters))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["command", *_FIGURES, *(f"parameter_{name}" for name in parameters)])
    for record in records:
        figures = _figures_s(record)
        values = [record.parameters.get(name, "") for name in parameters]
        writer.writerow([spreadsheet_text(record.name), *(figures[name] for name in _FIGURES), *values])
    return stream.getvalue()


def markdown_text(records: Sequence[Record], unit: str | None = None) -> str:
    """Return what ``hyperfine --export-markdown`` writes.

    Args:
        records: at least one.
        unit: of ``UNITS``; None for milliseconds, or seconds if the first takes one.
    """
    figures = [_figures_s(record) for record in records]
    first_s = figures[0]["mean"] or 0.0
    symbol, size = UNITS[unit] if unit else ("s", NS_PER_S) if first_s >= 1 else ("ms", NS_PER_MS)
    scale, fastest = NS_PER_S / size, min(of["mean"] or 0.0 for of in figures)
    lines = [
        f"| Command | Mean [{symbol}] | Min [{symbol}] | Max [{symbol}] | Relative |",
        "|:---|---:|---:|---:|---:|",
    ]
    for record, of in zip(records, figures, strict=True):
        mean, spread = (of["mean"] or 0.0) * scale, (of["stddev"] or 0.0) * scale
        low, high = ((of[name] or 0.0) * scale for name in ("min", "max"))
        relative = (of["mean"] or 0.0) / fastest if fastest else 1.0
        name = record.name.replace("|", "\\|")
        lines.append(f"| `{name}` | {mean:.1f} ± {spread:.1f} | {low:.1f} | {high:.1f} | {relative:.2f} |")
    return "\n".join(lines) + "\n"


def _result(record: Record) -> dict[str, object]:
    processes = list(record.processes.values())
    found: dict[str, object] = {
        "command": record.name,
        **_figures_s(record),
        "times": [float(value) / NS_PER_S for value in record.figures_ns],
        "memory_usage_byte": [process.peak_rss_bytes for process in processes],
        "exit_codes": [process.exit_code for process in processes],
    }
    return found | ({"parameters": dict(record.parameters)} if record.parameters else {})


def _figures_s(record: Record) -> dict[str, float | None]:
    times_s = record.figures_ns / NS_PER_S
    processes = list(record.processes.values())
    return {
        "mean": float(times_s.mean()),
        "stddev": float(times_s.std(ddof=1)) if len(times_s) > 1 else None,
        "median": float(np.median(times_s)),
        "user": float(np.mean([process.user_ns or 0 for process in processes])) / NS_PER_S,
        "system": float(np.mean([process.system_ns or 0 for process in processes])) / NS_PER_S,
        "min": float(times_s.min()),
        "max": float(times_s.max()),
    }
