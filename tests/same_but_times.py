"""Two measurements of one plan are identical but for times: what may differ is listed, all else is compared exactly.

Each function returns what differs, in words; nothing if the two are the same measurement made twice. The plan must fix
the number of samples (``Limits(max_samples=N)`` with ``min_samples=N`` and a long budget), because a stopping rule that
looks at times would end at another count each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from inference_bench.columns import TABLES
from inference_bench.result import BenchmarkResult
from inference_bench.results.run import Run
from inference_bench.results.serialization import result_to_plain
from inference_bench.results.tables import RunTables

IDENTITIES = {"run_id", "created_utc", "node", "share"}
"""Columns that name the run, its time and its place; and, by their beginning, the tags that a sweep adds."""
_TAG = "tag_"

TIMES: Mapping[str, set[str]] = {
    "summaries": {
        *("cold", "min", "mean", "max"),
        *(f"{name}{end}" for name in ("p50", "p90", "p95", "p99", "p99_9") for end in ("", "_low", "_high")),
        *("autocorrelation", "effective_n", "outliers_mild", "outliers_severe", "interfered", "outliers_interfered"),
        *("steadiness", "modes", "converged", "stop_reason", "grade", "notes"),
    },
    "samples": {"start_ns", "value", "loader", "interference"},
    "requests": {"planned_ns", "sent_ns", "written_ns", "first_byte_ns", "ended_ns"},
    "operations": {"start_ns", "duration_ns"},
}
"""Table → its columns that are times, follow from times, or say what the machine did meanwhile."""

OF_INSTANTS = {"memory", "server_readings"}
"""Tables with one row per instant at which something was read: even their number of rows is a time."""

_OF_RESULT = {"notes", "trust", "floor"}
_OF_SUMMARY = {
    *("cold", "minimum", "maximum", "mean", "quantiles", "autocorrelation", "effective_n", "outliers_mild"),
    *("outliers_severe", "converged", "stop_reason", "steadiness", "modes", "interfered", "outliers_interfered"),
    *("beside_loader",),
}
_OF_WORKER = {
    "pid",
    "first_case",
    "usage",
    "busy_threads",
    "waited_ns",
    "clock",
    "sampler",
    "spans",
    "decision",
    "launcher_ns",
}
_OF_LOAD_STEP = {"begin_ns", "end_ns"}


def differences(one: Iterable[Run], other: Iterable[Run]) -> list[str]:
    """Return how the cases of two sets of runs differ: parameters, status, counts, tokens, scores, versions …"""
    ours, theirs = (_by_case(runs) for runs in (one, other))
    found = [f"only one has {case}" for case in ours.keys() ^ theirs.keys()]
    for case in ours.keys() & theirs.keys():
        found += [f"{case}: {line}" for line in _unequal(_entry(ours[case]), _entry(theirs[case]))]
    return found


def table_differences(one: RunTables, other: RunTables) -> list[str]:
    """Return how the tables of two sets of runs differ: columns and their types, then rows without times."""
    found = []
    for name in ("summaries", *TABLES):
        ours, theirs = getattr(one, name), getattr(other, name)
        types, expected = _types(ours), _types(theirs)
        found += [f"{name}: {line}" for line in _unequal(types, expected)]
        if name not in OF_INSTANTS:
            found += [f"{name}: {line}" for line in _unequal(rows_but_times(name, ours), rows_but_times(name, theirs))]
    return found


def rows_but_times(name: str, table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table without what may differ; a score is no time, and stays whole."""
    kept = [column for column in table.column_names if not _is_identity(column)]
    rows = [{column: _plain(value) for column, value in row.items()} for row in table.select(kept).to_pylist()]
    for row in rows:
        is_score = name == "summaries" and row.get("score") is not None
        for column in () if is_score else TIMES.get(name, ()):
            row.pop(column, None)
    return sorted(rows, key=repr)


def _by_case(runs: Iterable[Run]) -> dict[str, BenchmarkResult]:
    found: dict[str, BenchmarkResult] = {}
    for result in (result for run in runs for result in run.results):
        slug = result.case.slug
        assert slug not in found, f"{slug} twice"
        found[slug] = result
    return found


def _entry(result: BenchmarkResult) -> dict[str, Any]:
    """Return all that is stored of a case in ``results.json``, without what may differ."""
    entry: dict[str, Any] = {key: value for key, value in result_to_plain(result).items() if key not in _OF_RESULT}
    entry["summaries"] = [
        each if each["score"] else {key: value for key, value in each.items() if key not in _OF_SUMMARY}
        for each in entry["summaries"]
    ]
    entry["workers"] = [
        {
            **{key: value for key, value in worker.items() if key not in _OF_WORKER},
            "load_steps": [
                {key: value for key, value in step.items() if key not in _OF_LOAD_STEP}
                for step in worker.get("load_steps", ())
            ],
        }
        for worker in entry["workers"]
    ]
    return entry


def _types(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema if not _is_identity(field.name)}


def _is_identity(column: str) -> bool:
    return column in IDENTITIES or column.startswith(_TAG)


def _plain(value: object) -> object:
    """Return a cell as every reader gives it; pandas has NaN for null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _unequal(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Yield each place at which two values of plain data differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from _unequal(one.get(key, "nothing"), other.get(key, "nothing"), f"{where}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (ours, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(ours, theirs, f"{where}[{place}]")
    elif isinstance(one, list) and isinstance(other, list):
        yield f"{where}: {len(one)} and {len(other)} entries"
    elif one != other:
        yield f"{where}: {one!r} and {other!r}"
