"""The cases of one benchmark in one set-up as a table: a row per metric, or per phase.

If a metric appears in several phases (memory), phases are rows and metrics are columns; otherwise each metric is a row.
What all cases share stands in a line above the table, and a column that has nothing to say is left out.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

from inference_bench.analysis.stopping import ONE_WINDOW
from inference_bench.metrics import METRICS, is_of_machine, title_of, unit_of
from inference_bench.reports._pages.document import EMPTY, NO_FIGURE, Cell, Column, Table, Tone
from inference_bench.reports._pages.findings import TONES
from inference_bench.reports._pages.numbers import Numbers, figure_heading, level_of, numbers_of
from inference_bench.reports._pages.parameters import benchmark_words, constants, parameters_words
from inference_bench.result import BenchmarkResult, Status, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inference_bench.grade import Grade
    from inference_bench.plan import Case

Row = tuple[Cell, ...]


_SILENT = ("", "–")
"""Texts of cells that say nothing."""

_DROPPABLE = frozenset({"unit", "p90", "p99", "cold"})
"""Headings of columns that are left out if all of their cells say nothing."""


def case_table(benchmark: str, results: Sequence[BenchmarkResult]) -> Table:
    """Return the table of these cases.

    Args:
        benchmark: its name.
        results: of cases of this benchmark in one set-up, at least one.
    """
    results = [_of_model(result) for result in results]
    by_phase = any(len({s.phase for s in group}) > 1 for result in results for group in _by_metric(result).values())
    shared = constants([result.case for result in results])
    axes = [name for name in dict.fromkeys(n for r in results for n in r.case.parameters) if name not in shared]
    axis_columns = tuple(Column(name.replace("_", " "), numeric=True) for name in axes)
    metrics = _headline_first(dict.fromkeys(s.metric for result in results for s in result.summaries), results)
    with_phase = not METRICS.keys() >= set(metrics)  # a known metric's formula implies its phase
    columns = _phase_columns(metrics) if by_phase else tuple(_metric_columns(results, with_phase))
    sections = []
    for result in results:
        rows = list(_phase_rows(result, metrics) if by_phase else _metric_rows(result, metrics, with_phase))
        if result.status is not Status.OK:
            rows.append(_status_row(result, len(columns)))
        blanks = repeat(tuple(EMPTY for _ in axes))
        heads = chain([_axis_cells(result.case, axes)], blanks)
        ends = chain([(_grade_cell(result.grade),)], repeat((EMPTY,)))
        sections.append(tuple(head + row + end for head, row, end in zip(heads, rows, ends, strict=False)))
    cases = tuple(result.case.id for result in results)
    title, note = benchmark_words(benchmark), parameters_words(shared)
    table = Table(title, (*axis_columns, *columns, Column("grade")), tuple(sections), cases, note)
    return table.without(_silent(table, [summary for result in results for summary in result.summaries]))


def _of_model(result: BenchmarkResult) -> BenchmarkResult:
    """Return a result without the summaries that stand in a line of their own."""
    return replace(result, summaries=tuple(each for each in result.summaries if not is_of_machine(each.metric)))


def _silent(table: Table, summaries: Sequence[Summary]) -> Iterator[int]:
    """Yield the places of the columns that can only be empty, or say nothing: scores need no check mark."""
    is_scored = all(summary.score for summary in summaries)
    for place, column in enumerate(table.columns):
        says_nothing = all(row[place].text in _SILENT for rows in table.sections for row in rows)
        is_droppable = column.heading in _DROPPABLE or not summaries
        if (is_droppable and says_nothing) or (column.heading == "conv." and is_scored):
            yield place


def _by_metric(result: BenchmarkResult) -> dict[str, list[Summary]]:
    found: dict[str, list[Summary]] = {}
    for summary in result.summaries:
        found.setdefault(summary.metric, []).append(summary)
    return found


def _axis_cells(case: Case, axes: Sequence[str]) -> Row:
    return tuple(Cell(str(case.parameters.get(name, "–"))) for name in axes)


def _status_row(result: BenchmarkResult, width: int) -> Row:
    tone = Tone.ALARM if result.status.is_finding else Tone.QUIET
    return (Cell(result.status.value.replace("_", " ").upper(), tone), *[EMPTY] * (width - 1))


def _metric_columns(results: Sequence[BenchmarkResult], with_phase: bool) -> Iterator[Column]:
    yield Column("metric")
    if with_phase:
        yield Column("phase")
    yield Column("unit")
    yield Column(figure_heading(s for result in results for s in result.summaries), numeric=True)
    yield Column(f"{level_of(results)} interval".lstrip(), numeric=True)
    yield Column("p90", numeric=True, spare=4)
    yield Column("p99", numeric=True, spare=2)
    yield Column("cold", numeric=True, spare=3)
    yield Column("n", numeric=True, spare=1)
    yield Column("conv.")


def _headline_first(metrics: Iterable[str], results: Iterable[BenchmarkResult]) -> list[str]:
    """Return the headline metrics in the benchmark's order, then the others as they come."""
    headline = dict.fromkeys(tag for result in results for tag in result.headline)
    known = list(metrics)
    return [*(tag for tag in headline if tag in known), *(tag for tag in known if tag not in headline)]


def _metric_rows(result: BenchmarkResult, metrics: Sequence[str], with_phase: bool) -> Iterator[Row]:
    for summary in sorted(result.summaries, key=lambda summary: metrics.index(summary.metric)):
        numbers, median = numbers_of(summary, unit_of(summary.metric)), summary.headline
        yield (
            Cell(title_of(summary.metric)),
            *([Cell(summary.phase, Tone.QUIET)] if with_phase else []),
            Cell(numbers.unit),
            Cell(numbers.quantile(median), Tone.STRONG if median.value is not None else Tone.QUIET),
            Cell(numbers.interval(median), Tone.PLAIN if median.low is not None else Tone.QUIET),
            *(_quantile_cell(summary, numbers, name) for name in ("p90", "p99")),
            Cell(numbers.text(summary.cold)),
            _n_cell(summary),
            _converged_cell([summary]),
        )


def _quantile_cell(summary: Summary, numbers: Numbers, name: str) -> Cell:
    estimate = summary.quantiles.get(name)
    if estimate is None:
        return NO_FIGURE
    return Cell(numbers.quantile(estimate), Tone.QUIET if estimate.value is None else Tone.PLAIN)


def _phase_columns(metrics: Sequence[str]) -> tuple[Column, ...]:
    # A narrow screen keeps the metrics of the table of all models, and of the others the first ones.
    spare = [0 if metric in METRICS and METRICS[metric].overview else 1 + place for place, metric in enumerate(metrics)]
    figures = (
        Column(title_of(metric), numeric=True, spare=n, figure=True) for metric, n in zip(metrics, spare, strict=True)
    )
    return Column("phase"), *figures, Column("n", numeric=True), Column("conv.")


def _phase_rows(result: BenchmarkResult, metrics: Sequence[str]) -> Iterator[Row]:
    for phase in dict.fromkeys(summary.phase for summary in result.summaries):
        found = {summary.metric: summary for summary in result.summaries if summary.phase == phase}
        figures = (_figure(found[metric]) if metric in found else NO_FIGURE for metric in metrics)
        smallest = min(found.values(), key=lambda summary: summary.n)
        yield Cell(phase or "whole"), *figures, _n_cell(smallest), _converged_cell(list(found.values()))


def _figure(summary: Summary) -> Cell:
    """Put a median and its interval in one cell."""
    numbers, median = numbers_of(summary, unit_of(summary.metric)), summary.headline
    if median.value is None:
        return Cell(numbers.quantile(median), Tone.QUIET)
    interval = "" if median.low is None and median.high is None else f" {numbers.interval(median)}"
    is_ratio = "/" in numbers.unit  # then the metric's name implies the unit, which would only widen the column
    return Cell((numbers.text(median.value) if is_ratio else numbers.with_unit(median.value)) + interval)


def _n_cell(summary: Summary) -> Cell:
    """Return the number of samples, and of independent samples that they are worth if they are autocorrelated."""
    if summary.effective_n < 0.9 * summary.n:
        return Cell(f"{summary.n:,} (≈{summary.effective_n:,.0f})")
    return Cell(f"{summary.n:,}")


def _converged_cell(summaries: Sequence[Summary]) -> Cell:
    if any(summary.stop_reason.startswith(ONE_WINDOW) for summary in summaries):
        return Cell("1 window", Tone.QUIET)
    return Cell("✓", Tone.GOOD) if all(summary.converged for summary in summaries) else Cell("NO", Tone.WARNING)


def _grade_cell(grade: Grade | None) -> Cell:
    return NO_FIGURE if grade is None else Cell(grade.letter, TONES[grade.letter])
