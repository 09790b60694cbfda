"""The answer of a run's page: its main figures, and with several set-ups which of them is best in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS, Better, Statistic, statistic_of, unit_of
from inference_bench.reports._pages.case_names import first_few
from inference_bench.reports._pages.document import Cell, Tile, Tone, Verdict
from inference_bench.reports._pages.findings import TONES
from inference_bench.reports._pages.numbers import numbers_of
from inference_bench.reports._pages.setup_rows import Row, rows_of
from inference_bench.reports._pages.setups import Key, Names, key_of, setups_of

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, Summary

_MOST_TILES = 6


def verdict(results: Sequence[BenchmarkResult]) -> Verdict | None:
    """Return the main figures of a run and what they say, or None if there are none.

    Args:
        results: of a run.
    """
    rows = _main_rows(results)
    if not rows:
        return None
    keys = setups_of(results)
    names = Names(keys, results)
    if len(keys) == 1:
        return Verdict((), tuple(_tile(row, keys[0], results) for row in rows))
    found = [(row, _best(row)) for row in rows if len(row.summaries) > 1]
    tiles = tuple(_tile_of_best(row, best, names) for row, best in found)
    return Verdict(tuple(_sentences(found, names)), tiles) if tiles else None


def _main_rows(results: Sequence[BenchmarkResult]) -> list[Row]:
    """Return one row for each metric that the table of all models has, and for a benchmark without any its first one.

    Of several points of a metric the last stands for all: it is the nearest to real use.
    """
    rows = [row for row in rows_of(results) if row.tag in METRICS and row.summaries]
    chosen: dict[tuple[str, str], Row] = {}
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        own = [row for row in rows if row.benchmark == benchmark]
        main = [row for row in own if METRICS[row.tag].overview] or own[:1]
        for row in main:
            if not row.name.endswith("while loading"):  # what a load needs for a moment decides nothing
                chosen[benchmark, row.tag] = row
    return list(chosen.values())[:_MOST_TILES]


def _tile(row: Row, key: Key, results: Sequence[BenchmarkResult]) -> Tile:
    summary = row.summaries[key]
    letters = [r.grade.letter for r in results if r.case.benchmark == row.benchmark and r.grade and key_of(r) == key]
    grade = [Cell(f"grade {max(letters)}", TONES[max(letters)])] if letters else []
    return Tile(row.name, _figure(summary), (Cell(_interval(summary)), *grade))


def _tile_of_best(row: Row, best: Sequence[Key], names: Names) -> Tile:
    first = row.summaries[best[0]]
    if len(best) == 1:
        return Tile(row.name, _figure(first), (Cell(f"best: {names.of(best[0])}", Tone.GOOD), Cell(_interval(first))))
    others = first_few([names.of(key) for key in best[1:]])
    return Tile(
        row.name,
        _figure(first),
        (Cell(f"{names.of(best[0])}; open against {others}", Tone.WARNING), Cell(_interval(first))),
    )


def _figure(summary: Summary) -> Cell:
    return Cell(numbers_of(summary, unit_of(summary.metric)).with_unit(summary.headline.value))


def _interval(summary: Summary) -> str:
    figure = summary.headline
    if figure.low is None or figure.high is None:
        return f"no interval, n = {summary.n:,}"
    return numbers_of(summary, unit_of(summary.metric)).interval(figure)


def _best(row: Row) -> list[Key]:
    """Return the set-up with the best figure, then those whose intervals do not exclude that they are as good."""
    sign = 1 if METRICS[row.tag].better is Better.HIGHER else -1
    order = sorted(row.summaries, key=lambda key: sign * (row.summaries[key].headline.value or 0.0), reverse=True)
    first = _ends(row.summaries[order[0]])
    return [order[0], *(key for key in order[1:] if _overlap(first, _ends(row.summaries[key])))]


def _ends(summary: Summary) -> tuple[float, float] | None:
    """Return the interval of a figure; of a maximum, which has none, the figure itself."""
    figure = summary.headline
    if figure.low is not None and figure.high is not None:
        return figure.low, figure.high
    if statistic_of(summary.metric) is Statistic.MAXIMUM and figure.value is not None:
        return figure.value, figure.value
    return None


def _overlap(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return one is None or other is None or (one[0] <= other[1] and other[0] <= one[1])


def _sentences(found: Sequence[tuple[Row, Sequence[Key]]], names: Names) -> Iterator[Cell]:
    """Yield which set-up is best in what, and what is open."""
    won: dict[Key, list[str]] = {}
    for row, best in found:
        if len(best) == 1:
            won.setdefault(best[0], []).append(row.name)
    if won:
        parts = (f"{names.of(key)} in {' · '.join(metrics)}" for key, metrics in won.items())
        yield Cell(f"Best: {'; '.join(parts)}.", Tone.STRONG)
    undecided = [row.name for row, best in found if len(best) > 1]
    if undecided:
        yield Cell(f"Open, because intervals overlap or are missing: {' · '.join(undecided)}.", Tone.WARNING)
