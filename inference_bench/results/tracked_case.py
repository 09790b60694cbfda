"""A case as experiment trackers store it: parameters, metrics and tags by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.metrics import unit_of
from inference_bench.results.summary_table import case_cells
from inference_bench.text import one_line, without_tokens

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, Estimate, RunRecord, Summary

_TAGS = ("schema_version", "run_id", "case_id", "status", "commit", "changed_files", "label")
_SUFFIXES = ("ns", "bytes")
"""Units that the name of a metric ends with, as names do everywhere in this package."""


@dataclass(frozen=True, slots=True)
class TrackedCase:
    """One case of one run.

    Attributes:
        id: of run and case, the same whenever the run is written.
        name: for people.
        parameters: model, set-up, weights and axes.
        metrics: each figure and the ends of its interval, and the number of samples: ``ttft_ns/prefill/p50_low``.
        tags: run, commit, status, grade, and the user's marks.
        has_failed: whether the case ended as a finding.
    """

    id: str
    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    has_failed: bool


def tracked_case(result: BenchmarkResult, record: RunRecord) -> TrackedCase:
    """Return a case without what may hold a secret: the command line, the settings and the host stay in run.json."""
    cells = {name: _word(value) for name, value in case_cells(result, record).items() if value is not None}
    tags = {name: text for name, text in cells.items() if name in _TAGS or name.startswith("tag_")}
    tags |= {"grade": result.grade.letter} if result.grade else {}
    tags |= {"note": _word(record.provenance.note)} if record.provenance.note else {}
    tags |= {"failure": _word(result.failure.cause)} if result.failure else {}
    return TrackedCase(
        id=f"{record.id}-{result.case.id}",
        name=result.case.slug,
        parameters={name: text for name, text in cells.items() if name not in tags},
        metrics={name: value for summary in result.summaries for name, value in _figures(summary)},
        tags=tags,
        has_failed=result.status.is_finding,
    )


def _figures(summary: Summary) -> Iterator[tuple[str, float]]:
    """Yield name and value of the figures of a summary that are known."""
    unit = unit_of(summary.metric)
    tag = f"{summary.metric}_{unit}" if unit in _SUFFIXES else summary.metric
    name = f"{tag}/{one_line(summary.phase)}" if summary.phase else tag
    yield f"{name}/n", summary.n
    estimates = dict(summary.quantiles) if summary.score is None else {"score": summary.score}
    for figure, estimate in estimates.items():
        yield from _with_interval(f"{name}/{figure.replace('.', '_')}", estimate)


def _with_interval(name: str, estimate: Estimate) -> Iterator[tuple[str, float]]:
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return ((name, value) for name, value in ends.items() if value is not None and math.isfinite(value))


def _word(value: object) -> str:
    return without_tokens(one_line(str(value)))
