"""Set-ups side by side: one row per headline metric, one column per set-up, each figure against the first column's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.equal_work import boundary_lines, other_threads, unequal_work, unproven_work
from inference_bench.analysis.margin import MARGIN
from inference_bench.plan import NO_MODEL
from inference_bench.reports._pages.case_names import first_few
from inference_bench.reports._pages.document import NO_FIGURE, Block, Cell, Column, Table, Tone
from inference_bench.reports._pages.findings import TONES
from inference_bench.reports._pages.parameters import benchmark_words, constants, parameters_words
from inference_bench.reports._pages.setup_cells import cells_of, note_of
from inference_bench.reports._pages.setup_rows import rows_of
from inference_bench.reports._pages.setups import Key, Names, key_of, setups_of
from inference_bench.result import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from inference_bench.reports._pages.setup_rows import Row
    from inference_bench.result import BenchmarkResult, Summary

_COLUMNS = 6
"""More set-ups than these are rows, and the metrics columns."""

_FAILURES = 6
"""Failures that the lines below the table name; the page lists all."""

Line = tuple[Cell, tuple[Cell, ...]]
"""The name of a row, and the cells of all set-ups."""


def overview(results: Sequence[BenchmarkResult]) -> Block | None:
    """Return the set-ups of a run side by side, or None if there are not two of them.

    Args:
        results: of a run.
    """
    keys = _comparable(results)
    if len(keys) < 2:
        return None
    shown = [result for result in results if key_of(result) in keys]
    names, rows = Names(keys, shown), rows_of(shown)
    unequal = _unequal(keys, shown)
    lines: list[list[Line]] = []
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        members = [row for row in rows if row.benchmark == benchmark]
        missing = _missing(benchmark, keys, shown)
        lines.append([(_head(row), cells_of(row, keys, missing, unequal)) for row in members])
    lines.append([(Cell("grade", below=(Cell("worst case", Tone.QUIET),)), _grades(keys, shown))])
    layout = _setups_as_columns if len(keys) <= _COLUMNS else _setups_as_rows
    caption = Cell("All: " + " · ".join(names.shared), Tone.WARNING if names.random else Tone.QUIET)
    return Block(
        Cell("Side by side", Tone.STRONG),
        (caption,) if names.shared else (),
        (layout([names.of(key) for key in keys], lines),),
        (
            *_inapplicable(results),
            *_of_engines(keys, shown, unequal),
            *_failures(names, keys, shown),
            *_legend(names.of(keys[0]), rows, shown),
        ),
    )


def _inapplicable(results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    """Yield a line for each set-up of which nothing can be measured, such as of an engine that is not installed."""
    keys = setups_of(results)
    names = Names(keys, results) if keys else None
    for key in keys:
        own = [result for result in results if key_of(result) == key]
        if names is not None and not _applies(own):
            causes = dict.fromkeys(result.failure.cause for result in own if result.failure)
            yield Cell(f"{names.of(key)}: not applicable: {'; '.join(causes)}", Tone.QUIET)


def _applies(results: Iterable[BenchmarkResult]) -> bool:
    return any(result.status is not Status.NOT_APPLICABLE for result in results)


def _comparable(results: Sequence[BenchmarkResult]) -> list[Key]:
    """Return the set-ups of which something can be measured.

    The null model of the functions that need none is left out, too: they are measured once.
    """
    keys = [key for key in setups_of(results) if _applies(result for result in results if key_of(result) == key)]
    benchmarks = {key: {r.case.benchmark for r in results if key_of(r) == key} for key in keys}
    return [
        key
        for key in keys
        if key[0] != NO_MODEL or any(benchmarks[key] & benchmarks[other] for other in keys if other != key)
    ]


def _unequal(keys: Sequence[Key], results: Sequence[BenchmarkResult]) -> dict[Key, tuple[str, ...]]:
    """Return why the work of set-ups in another engine than the first one's was not the first one's."""
    of_key = {key: [result for result in results if key_of(result) == key] for key in keys}
    found = {key: unequal_work(of_key[keys[0]], of_key[key]) for key in keys[1:]}
    return {key: reasons for key, reasons in found.items() if reasons}


def _of_engines(
    keys: Sequence[Key], results: Sequence[BenchmarkResult], unequal: Mapping[Key, tuple[str, ...]]
) -> Iterator[Cell]:
    """Yield what a ratio between engines rests on: equal work, or why not, and what a step of each includes."""
    if len({setup.engine for _, setup in keys}) == 1:
        return
    for reason in dict.fromkeys(reason for reasons in unequal.values() for reason in reasons):
        yield Cell(f"Work not equal, ratio withheld: {reason}", Tone.ALARM)
    yield from (Cell(line, Tone.WARNING) for line in unproven_work(results))
    yield from (Cell(line, Tone.WARNING) for line in other_threads(results))
    yield from (Cell(line, Tone.QUIET) for line in boundary_lines(results))


def _head(row: Row) -> Cell:
    return Cell(row.name, Tone.STRONG, (Cell(note_of(row), Tone.QUIET),))


def _setups_as_columns(names: Sequence[str], lines: Sequence[Sequence[Line]]) -> Table:
    columns = (Column(""), *(Column(name, numeric=True) for name in names))
    sections = tuple(tuple((head, *cells) for head, cells in section) for section in lines)
    return Table("", columns, sections, repeated=2, is_sortable=False)


def _setups_as_rows(names: Sequence[str], lines: Sequence[Sequence[Line]]) -> Table:
    flat = [line for section in lines for line in section]
    notes = [", ".join((head.text, *(cell.text for cell in head.below))) for head, _ in flat]
    columns = (Column("set-up"), *(Column(note, numeric=True) for note in notes))
    rows = [(Cell(name, Tone.STRONG), *(cells[place] for _, cells in flat)) for place, name in enumerate(names)]
    return Table("", columns, (tuple(rows),), repeated=1)


def _missing(benchmark: str, keys: Sequence[Key], results: Sequence[BenchmarkResult]) -> Mapping[Key, Cell]:
    """Return, by set-up, what stands where a benchmark has no figure: how its worst case ended."""
    found: dict[Key, Cell] = {}
    for result in results:
        if result.case.benchmark != benchmark or result.status is Status.OK:
            continue
        if result.status.is_finding or key_of(result) not in found:
            tone = Tone.ALARM if result.status.is_finding else Tone.QUIET
            found[key_of(result)] = Cell(result.status.value.replace("_", " ").upper(), tone)
    return {key: found.get(key, NO_FIGURE) for key in keys}


def _grades(keys: Sequence[Key], results: Sequence[BenchmarkResult]) -> tuple[Cell, ...]:
    """Return the worst grade of each set-up's cases."""
    grades = [(key_of(result), result.grade.letter) for result in results if result.grade is not None]
    worst = (max((letter for of, letter in grades if of == key), default="") for key in keys)
    return tuple(Cell(letter, TONES[letter]) if letter else NO_FIGURE for letter in worst)


def _failures(names: Names, keys: Sequence[Key], results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    """Yield each cause once, with the set-ups and the benchmarks that it ended."""
    found: dict[str, dict[str, dict[Key, None]]] = {}
    for result in results:
        if result.status.is_finding:
            cause = result.failure.cause if result.failure else "no cause recorded"
            what = f"{result.status.value.replace('_', ' ')}: {cause}"
            benchmark = result.case.benchmark.replace("_", " ")
            found.setdefault(what, {}).setdefault(benchmark, {})[key_of(result)] = None
    for what, benchmarks in list(found.items())[:_FAILURES]:
        ended = dict.fromkeys(key for of in benchmarks.values() for key in of)
        who = "every set-up" if len(ended) == len(keys) else first_few([names.of(key) for key in ended])
        yield Cell(f"{who}: {', '.join(benchmarks)}: {what}", Tone.ALARM)
    if len(found) > _FAILURES:
        yield Cell(f"and {len(found) - _FAILURES} more causes: see the cases without a complete result", Tone.ALARM)


def _legend(baseline: str, rows: Sequence[Row], results: Sequence[BenchmarkResult]) -> Iterator[Cell]:
    yield from (Cell(text, Tone.QUIET) for text in _explanations(baseline, rows))
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        fixed = constants([result.case for result in results if result.case.benchmark == benchmark])
        if fixed:
            yield Cell(f"{benchmark_words(benchmark)}: {parameters_words(fixed)}", Tone.QUIET)


def _explanations(baseline: str, rows: Sequence[Row]) -> Iterator[str]:
    summaries = [summary for row in rows for summary in row.summaries.values()]
    yield (
        f"×, +, -: against {baseline}, with the interval of the change. better, worse: no change is excluded. "
        f"same: within ±{100 * MARGIN:.3g} %. open: neither."
    )
    if any(not _has_interval(summary) for summary in summaries):
        yield "[n = N], [n ≈ N], [no interval]: too few (independent) samples for an interval, so no change is stated."
    if any(row.name.partition(",")[0].endswith("while serving") for row in rows):
        yield "While serving: the largest of all phases after the load."
    if any(row.chosen for row in rows):
        yield "Of several lengths or batches, the largest that all have; the tables of cases have the others."


def _has_interval(summary: Summary) -> bool:
    return summary.headline.low is not None and summary.headline.high is not None
