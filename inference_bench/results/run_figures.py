"""The figures of one run that a judgement needs, from its folder or from a line of the pytest plugin's file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS
from inference_bench.plan import NO_MODEL, Case
from inference_bench.result import Status
from inference_bench.results.comparison_sides import Slot, resolution_of
from inference_bench.spec import Setup

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, Summary
    from inference_bench.results.run import Run
    from inference_bench.results.storage import Folder
    from inference_bench.results.timing_history import TimedRun

_PYTEST, _CALL_TIME = "pytest", "call_time"
"""Benchmark and metric of the plugin's figures."""
_WHOLE_NS = 1.0
"""Medians of the plugin are stored in nanoseconds, and many are whole."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a run.

    Attributes:
        value: in the metric's unit.
        processes: fresh processes that it comes from.
        resolution: smallest difference that the instrument can tell, in the metric's unit.
    """

    value: float
    processes: int
    resolution: float


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a run measured.

    Attributes:
        id: name of the run; empty if it has none.
        created_utc: when it began, ISO 8601; empty if unknown.
        machine: fingerprint; None if unknown.
        cases: case id → the case, also of those that failed.
        figures: by case id, random weights, metric and phase.
        failures: case id → how and why it failed.
        finished: whether the whole plan was carried out.
        workers: processes that timed at the same time.
        run: the run itself; None for a line of the plugin's file.
    """

    id: str
    created_utc: str
    machine: str | None
    cases: Mapping[str, Case]
    figures: Mapping[Slot, Figure]
    failures: Mapping[str, str] = field(default_factory=dict)
    finished: bool = True
    workers: int | None = None
    run: Run | None = None

    @property
    def folder(self) -> Folder | None:
        """Where the run was read from."""
        return None if self.run is None else self.run.folder


def figures_of_run(run: Run, metrics: Collection[str] = (), quantile: str = "p50") -> RunFigures:
    """Return the figures of a run.

    Args:
        run: the run.
        metrics: tags; if empty, the headline metrics of each benchmark. A metric that is computed from another one
            stands for that one.
        quantile: which quantile of sampled metrics.
    """
    record = run.record
    return RunFigures(
        id=record.id,
        created_utc=record.created_utc,
        machine=str(record.environment.get("fingerprint")),
        cases={result.case.id: result.case for result in run.results},
        figures={slot: figure for result in run.results for slot, figure in _figures(run, result, metrics, quantile)},
        failures={
            result.case.id: f"{result.status.value}{f': {result.failure.cause}' if result.failure else ''}"
            for result in run.results
            if result.status.is_finding
        },
        finished=record.finished,
        run=run,
    )


def figures_of_line(timed: TimedRun, number: int = 0) -> RunFigures:
    """Return the figures of a line of the pytest plugin's file; each timed function is a case.

    Args:
        timed: the line.
        number: of the line among the runs of its file, from 1; 0 if it is in none.
    """
    cases = {name: Case(NO_MODEL, _PYTEST, Setup(), {"test": name}) for name in timed.medians_ns}
    return RunFigures(
        id=f"line {number}" if number else "",
        created_utc=timed.utc,
        machine=timed.machine,
        cases={case.id: case for case in cases.values()},
        figures={
            (cases[name].id, "", _CALL_TIME, ""): Figure(median_ns, 1, _WHOLE_NS)
            for name, median_ns in timed.medians_ns.items()
        },
        workers=timed.workers,
    )


def _figures(
    run: Run, result: BenchmarkResult, metrics: Collection[str], quantile: str
) -> Iterator[tuple[Slot, Figure]]:
    if result.status is not Status.OK:
        return
    wanted = {_source(tag) for tag in metrics or result.headline or _overview()}
    for summary in result.summaries:
        value = _value(summary, quantile)
        if summary.metric in wanted and value is not None:
            figure = Figure(value, summary.runs, resolution_of(summary.metric, run))
            yield (result.case.id, result.random_weights, summary.metric, summary.phase), figure


def _overview() -> Iterator[str]:
    """Yield what takes the place of the headline metrics of old runs, which name none."""
    return (metric.tag for metric in METRICS.values() if metric.overview)


def _source(tag: str) -> str:
    """Return the measured metric that a metric is computed from, or itself."""
    source = METRICS[tag].derived_from if tag in METRICS else None
    return source or tag


def _value(summary: Summary, quantile: str) -> float | None:
    if summary.score is not None or quantile == "p50":
        return summary.headline.value
    estimate = summary.quantiles.get(quantile)
    return None if estimate is None else estimate.value
