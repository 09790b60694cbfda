"""The table of ``results.csv``: one row per summary."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, TextIO

from inference_bench.columns import RUN_COLUMNS
from inference_bench.metrics import QUANTILES, better_of, unit_of
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord, Summary
from inference_bench.results.serialization import plain, run_cells
from inference_bench.text import one_line, spreadsheet_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

AXIS_PREFIX, TAG_PREFIX = "axis_", "tag_"
"""Distinguish an axis or a tag named ``n`` or ``threads`` from the column of that name."""

_CASE = (
    "schema_version",
    "run_id",
    "case_id",
    "model",
    "benchmark",
    "device",
    "dtype",
    "threads",
    "attention",
    "compile",
    "engine",
)
_WEIGHTS = ("weights", "weights_source", "weights_label", "trained", "scale", "seed")
_METRIC = ("status", "metric", "phase", "unit", "better", "n", "runs", "scope", "level", "cold", "min", "mean", "max")
_SCORE = ("score", "score_low", "score_high")
_TRUST = (
    "autocorrelation",
    "effective_n",
    "outliers_mild",
    "outliers_severe",
    "interfered",
    "outliers_interfered",
    "steadiness",
    "modes",
    "converged",
    "stop_reason",
)
_GRADE = ("grade",)
_RUN = tuple(column.name for column in RUN_COLUMNS)
_TEXT = ("notes", "failure")


def rows(result: BenchmarkResult, record: RunRecord) -> Iterator[dict[str, object]]:
    """Yield one row per summary; a case without summaries yields one row, so that every failure is in the table."""
    grade = result.grade
    common = {**case_cells(result, record), **_text_cells(result), "grade": grade.letter if grade else None}
    if not result.summaries:
        yield common
    for summary in result.summaries:
        yield common | _summary_cells(summary)


def write_table(stream: TextIO, table: Iterable[Mapping[str, object]]) -> None:
    """Write rows under the union of their columns; a missing cell is empty."""
    table = list(table)
    axes, tags = (
        dict.fromkeys(name for row in table for name in row if name.startswith(prefix))
        for prefix in (AXIS_PREFIX, TAG_PREFIX)
    )
    quantiles = [name for quantile in QUANTILES for name in _quantile_columns(quantile)]
    columns = [*_CASE, *_WEIGHTS, *axes, *_METRIC, *_SCORE, *quantiles, *_TRUST, *_GRADE, *_RUN, *tags, *_TEXT]
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in table)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"  # DuckDB, pandas and Polars read these as Booleans
    return spreadsheet_text(value) if isinstance(value, str) else value


def case_cells(result: BenchmarkResult, record: RunRecord) -> dict[str, object]:
    """Return what was measured, how it ended, and the commit and marks of the run, by column; None where unknown."""
    case, setup = result.case, result.case.setup
    weights = result.model.get("weights") or {}
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": record.id,
        "case_id": case.id,
        "model": plain(case.model),
        "benchmark": plain(case.benchmark),
        **plain(setup),
        "weights_source": plain(weights.get("source")),
        "weights_label": plain(weights.get("label")),
        "trained": plain(weights.get("trained")),
        **{AXIS_PREFIX + one_line(name): plain(value) for name, value in case.parameters.items()},
        "status": result.status.value,
        **run_cells(record.provenance),
        **{TAG_PREFIX + one_line(name): plain(value) for name, value in record.provenance.tags.items()},
    }


def _text_cells(result: BenchmarkResult) -> dict[str, object]:
    failure = None if result.failure is None else plain(result.failure.cause)
    return {"notes": plain("; ".join(result.notes)), "failure": failure}


def _summary_cells(summary: Summary) -> dict[str, object]:
    cells = {name: plain(getattr(summary, name)) for name in ("metric", "phase", "n", "runs", "scope", "level", "cold")}
    cells |= {"unit": unit_of(summary.metric), "better": better_of(summary.metric)}
    cells |= {"min": plain(summary.minimum), "mean": plain(summary.mean), "max": plain(summary.maximum)}
    if summary.score is not None:
        cells |= zip(_SCORE, plain((summary.score.value, summary.score.low, summary.score.high)), strict=True)
    for quantile in QUANTILES:
        estimate = summary.quantiles.get(quantile)
        if estimate is not None:
            values = plain((estimate.value, estimate.low, estimate.high))
            cells |= zip(_quantile_columns(quantile), values, strict=True)
    return cells | {name: plain(getattr(summary, name)) for name in _TRUST} | {"modes": len(summary.modes) or None}


def _quantile_columns(quantile: str) -> tuple[str, str, str]:
    """Return column names that SQL accepts without quotes: ``p99_9``, ``p99_9_low``, ``p99_9_high``."""
    name = quantile.replace(".", "_")
    return name, f"{name}_low", f"{name}_high"
