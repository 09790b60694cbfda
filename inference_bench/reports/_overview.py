"""Models and set-ups side by side: one row each, so that what is faster and what is worse stand in the same row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS
from inference_bench.plain import unit_of
from inference_bench.reports._numbers import numbers_of
from inference_bench.reports._page import Block, Cell, Column, Table, Tone
from inference_bench.spec import SETUP_AXES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_bench.result import BenchmarkResult, Summary
    from inference_bench.spec import Setup

Key = tuple[str, "Setup"]
"""A row: a model in one set-up."""

Point = tuple[str, str, tuple[tuple[str, object], ...]]
"""Where a figure comes from: benchmark, phase, parameters."""


def overview(results: Sequence[BenchmarkResult]) -> Block | None:
    """Return the table, or None where there is a single row."""
    rows = list(dict.fromkeys((result.case.model, result.case.setup) for result in results))
    if len(rows) < 2:
        return None
    figures = {tag: found for tag, metric in METRICS.items() if metric.overview and (found := _figures(tag, results))}
    varying = [name for name in SETUP_AXES if len({getattr(setup, name) for _, setup in rows}) > 1]
    heads = (Column("model"), *(Column(name) for name in varying))
    columns = tuple(Column(METRICS[tag].title, numeric=True) for tag in figures)
    baselines = _baselines(rows)
    table = Table(
        "Side by side",
        (*heads, Column("weights"), *columns),
        tuple(
            tuple(
                (
                    Cell(model, Tone.STRONG),
                    *(Cell(str(getattr(setup, name))) for name in varying),
                    _weights((model, setup), results),
                    *(_cell(found, (model, setup), baselines[model]) for found in figures.values()),
                )
                for model, setup in rows
                if model == group
            )
            for group in dict.fromkeys(model for model, _ in rows)
        ),
    )
    lines = [text for tag, found in figures.items() if (text := _where(tag, found))]
    lines += ["×: against the model's first row"] if len(rows) > len(baselines) else []
    return Block(Cell("All together", Tone.STRONG), tuple(Cell(line, Tone.QUIET) for line in lines), (table,))


def _baselines(rows: Sequence[Key]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for row in rows:
        found.setdefault(row[0], row)
    return found


def _figures(tag: str, results: Sequence[BenchmarkResult]) -> tuple[Point, Mapping[Key, Summary]] | None:
    """Return a metric's summaries by row, all from the same point: the one that most rows have; of equals a total,
    else the first.
    """
    points: dict[Point, dict[Key, Summary]] = {}
    for result in results:
        for summary in result.summaries:
            if summary.metric == tag and summary.headline.value is not None:
                case = result.case
                point = case.benchmark, summary.phase, tuple(case.parameters.items())
                points.setdefault(point, {})[case.model, case.setup] = summary
    return max(points.items(), key=lambda item: (len(item[1]), item[0][1] == "total")) if points else None


def _where(tag: str, found: tuple[Point, Mapping[Key, Summary]]) -> str:
    """Say what a column's figures speak of."""
    (_, phase, parameters), _ = found
    words = [phase] if phase else []
    words += [f"{name.replace('_', ' ')} {value}" for name, value in parameters]
    return f"{METRICS[tag].title}: {', '.join(words)}" if words else ""


def _weights(row: Key, results: Sequence[BenchmarkResult]) -> Cell:
    own = [result for result in results if (result.case.model, result.case.setup) == row]
    weights: Mapping[str, object] = next((r.model["weights"] for r in own if r.model.get("weights")), {})
    if not weights:
        return Cell("–", Tone.QUIET)
    if weights.get("source") == "random":
        return Cell("RANDOM, reduced" if weights.get("scale") == "reduced" else "RANDOM", Tone.ALARM)
    return Cell(str(weights.get("source")), Tone.QUIET)


def _cell(found: tuple[Point, Mapping[Key, Summary]], row: Key, baseline: Key) -> Cell:
    _, summaries = found
    if row not in summaries:
        return Cell("–", Tone.QUIET)
    summary = summaries[row]
    value = summary.headline.value
    text = numbers_of(summary, unit_of(summary.metric)).with_unit(value)
    base = summaries[baseline].headline.value if baseline in summaries else None
    if row == baseline or not base or value is None:
        return Cell(text)
    return Cell(f"{text} ×{value / base:.2f}")
