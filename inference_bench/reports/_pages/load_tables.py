"""Loads in few columns for a terminal: one row per case, with the figures that loads are compared by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.analysis.reach import reach
from inference_bench.metrics import title_of, unit_of
from inference_bench.reports._pages.document import EMPTY, NO_FIGURE, Cell, Column, Table, Tone
from inference_bench.reports._pages.findings import TONES
from inference_bench.reports._pages.numbers import common_step, level_of, numbers_of
from inference_bench.reports._pages.parameters import constants
from inference_bench.reports._pages.slo_lines import SLO_TONES
from inference_bench.result import SloOutcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.reports._pages.numbers import Step
    from inference_bench.result import BenchmarkResult, Estimate, Summary

_LOAD = "request_latency"
"""The metric that every load has."""

_TIMES = (("request_ttft", "TTFT", 0), ("request_tpot", "TPOT", 2), ("itl", "ITL", 4), (_LOAD, "latency", 3))
"""Metric, heading and order of hiding on a narrow screen; ITL stands in only where no TPOT is known."""

_WHOLE = 0.999999
"""A share from which on it counts as all."""


def brief_table(table: Table, results: Sequence[BenchmarkResult]) -> Table | None:
    """Return the loads of a table in few columns; None for another benchmark.

    Args:
        table: all figures, one row per metric.
        results: its cases.
    """
    shown = [result for result in results if _of(result, _LOAD)]
    if not shown:
        return None
    columns = [*_axes(results), *_times(results), *_rates(results), *_outcomes(results)]
    rows = [tuple(cells[place] for _, cells in columns) for place in range(len(results))]
    note = f"{table.note} · ±: {level_of(shown)} interval; all metrics: --format markdown"
    return replace(table, columns=tuple(column for column, _ in columns), sections=(tuple(rows),), cases=(), note=note)


_Column = tuple[Column, list[Cell]]
"""A heading, and the cell of each case."""


def _axes(results: Sequence[BenchmarkResult]) -> Iterator[_Column]:
    shared = constants([result.case for result in results])
    for name in dict.fromkeys(name for result in results for name in result.case.parameters):
        if name not in shared:
            values = [Cell(str(result.case.parameters.get(name, "–"))) for result in results]
            yield Column(name.replace("_", " "), numeric=True), values


def _times(results: Sequence[BenchmarkResult]) -> Iterator[_Column]:
    """Yield two columns per metric: its median and its p99."""
    has_tpot = any(_of(result, "request_tpot") for result in results)
    for metric, heading, spare in _TIMES:
        found = [_of(result, metric) for result in results]
        known = [summary for summary in found if summary]
        if not known or (metric == "itl" and has_tpot):
            continue
        step = common_step(known, unit_of(metric))
        for quantile, hidden in (("p50", 0), ("p99", spare)):
            cells = [_time(summary, quantile, step) if summary else NO_FIGURE for summary in found]
            yield Column(f"{heading} {quantile} {step[1]}", numeric=True, spare=hidden), cells


def _time(summary: Summary, quantile: str, step: Step) -> Cell:
    estimate = summary.quantiles.get(quantile)
    if estimate is None:
        return NO_FIGURE
    numbers = numbers_of(summary, unit_of(summary.metric), step)
    is_known = estimate.value is not None
    return Cell(numbers.quantile(estimate), Tone.STRONG if is_known else Tone.QUIET, _width(estimate))


def _width(estimate: Estimate) -> tuple[Cell, ...]:
    """Return how far the interval of a figure reaches, as a line below it."""
    width = reach(estimate)
    return () if width is None else (Cell("±<0.01 %" if width < 1e-4 else f"±{100 * width:.1g} %", Tone.QUIET),)


def _rates(results: Sequence[BenchmarkResult]) -> Iterator[_Column]:
    """Yield the requests per second: the planned ones where no axis names them, and the answered ones."""
    is_named = all(str(result.case.parameters.get("rate", "auto")) != "auto" for result in results)
    for metric in ("offered_rate", "achieved_rate"):
        found = [_of(result, metric) for result in results]
        if any(found) and not (is_named and metric == "offered_rate"):
            yield Column(f"{title_of(metric)} /s", numeric=True), [_rate(summary) for summary in found]


def _rate(summary: Summary | None) -> Cell:
    if summary is None or summary.headline.value is None:
        return NO_FIGURE
    return Cell(numbers_of(summary, None).text(summary.headline.value), Tone.STRONG, _width(summary.headline))


def _outcomes(results: Sequence[BenchmarkResult]) -> Iterator[_Column]:
    """Yield what went wrong, if anything did, whether the objectives are met, and the grade."""
    for metric, heading in (("answered", "failed"), ("contract_kept", "not as asked")):
        lost = [_lost(_of(result, metric)) for result in results]
        if any(cell is not EMPTY for cell in lost):
            yield Column(heading, numeric=True), lost
    if any(result.slo for result in results):
        yield Column("SLO"), [_slo(result) for result in results]
    if any(result.status is not Status.OK for result in results):
        yield Column("status"), [_status(result) for result in results]
    grades = [Cell(r.grade.letter, TONES[r.grade.letter]) if r.grade else NO_FIGURE for r in results]
    yield Column("grade"), grades


def _lost(summary: Summary | None) -> Cell:
    """Return the share of requests that a score does not count."""
    share = None if summary is None else summary.headline.value
    return EMPTY if share is None or share > _WHOLE else Cell(f"{100 * (1 - share):.2g} %", Tone.ALARM)


def _slo(result: BenchmarkResult) -> Cell:
    if result.slo is None:
        return NO_FIGURE
    outcome = result.slo.outcome
    return Cell("open" if outcome is SloOutcome.OPEN else outcome.value, SLO_TONES[outcome])


def _status(result: BenchmarkResult) -> Cell:
    tone = Tone.ALARM if result.status.is_finding else Tone.QUIET
    return Cell(result.status.value.replace("_", " ").upper(), tone)


def _of(result: BenchmarkResult, metric: str) -> Summary | None:
    return next((summary for summary in result.summaries if summary.metric == metric), None)
