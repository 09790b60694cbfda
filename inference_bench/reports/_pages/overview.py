"""Models and set-ups side by side: one row each, so that what is faster and what is worse stand in the same row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS, unit_of
from inference_bench.reports._pages.document import Block, Cell, Column, Table, Tone
from inference_bench.reports._pages.findings import TONES
from inference_bench.reports._pages.numbers import numbers_of
from inference_bench.spec import SETUP_AXES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference_bench.result import BenchmarkResult, Summary
    from inference_bench.spec import Setup

Key = tuple[str, "Setup"]
"""A row: a model in one set-up."""

Point = tuple[str, str, tuple[tuple[str, object], ...]]
"""Where a figure comes from: benchmark, phase, parameters."""


_ELSEWHERE = "°"


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric's figures by row.

    Attributes:
        point: where they come from: the point that most rows have.
        summaries: of each row.
        elsewhere: row → its own parameters, for a model that was measured with others only.
    """

    point: Point
    summaries: Mapping[Key, Summary]
    elsewhere: Mapping[Key, tuple[tuple[str, object], ...]]


def overview(results: Sequence[BenchmarkResult]) -> Block | None:
    """Return the table, or None where there is a single row.

    Args:
        results: of a run.
    """
    rows = list(dict.fromkeys((result.case.model, result.case.setup) for result in results))
    if len(rows) < 2:
        return None
    figures = {tag: found for tag, metric in METRICS.items() if metric.overview and (found := _figures(tag, results))}
    varying = [name for name in SETUP_AXES if len({getattr(setup, name) for _, setup in rows}) > 1]
    heads = (Column("model"), *(Column(name) for name in varying))
    # A screen that is too narrow for all of them keeps the first.
    columns = tuple(Column(METRICS[tag].title, numeric=True, spare=place) for place, tag in enumerate(figures))
    baselines = _baselines(rows)
    table = Table(
        "Side by side",
        (*heads, Column("weights"), Column("grade"), *columns),
        tuple(
            tuple(
                (
                    Cell(model, Tone.STRONG),
                    *(Cell(str(getattr(setup, name))) for name in varying),
                    _weights((model, setup), results),
                    _grade((model, setup), results),
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
    if any(found.elsewhere for found in figures.values()):
        lines.append(f"{_ELSEWHERE}: with the model's own parameters instead")
    return Block(Cell("All together", Tone.STRONG), tuple(Cell(line, Tone.QUIET) for line in lines), (table,))


def _baselines(rows: Sequence[Key]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for row in rows:
        found.setdefault(row[0], row)
    return found


def _figures(tag: str, results: Sequence[BenchmarkResult]) -> Figures | None:
    """Return a metric's summaries by row, from the point that most rows have; of equals a total, else the first.

    A row without that point takes its first one of the same benchmark and phase: models have lengths of their own.
    """
    points: dict[Point, dict[Key, Summary]] = {}
    for result in results:
        for summary in result.summaries:
            if summary.metric == tag and summary.headline.value is not None:
                case = result.case
                point = case.benchmark, summary.phase, tuple(case.parameters.items())
                points.setdefault(point, {})[case.model, case.setup] = summary
    if not points:
        return None
    common, summaries = max(points.items(), key=lambda item: (len(item[1]), item[0][1] == "total"))
    found, elsewhere = dict(summaries), {}
    for (benchmark, phase, parameters), others in points.items():
        for row, summary in others.items():
            if (benchmark, phase) == common[:2] and row not in found:
                found[row], elsewhere[row] = summary, parameters
    return Figures(common, found, elsewhere)


def _where(tag: str, found: Figures) -> str:
    """Say what a column's figures speak of."""
    _, phase, parameters = found.point
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


def _grade(row: Key, results: Sequence[BenchmarkResult]) -> Cell:
    """Show the worst grade of a row's cases."""
    own = (result.grade for result in results if (result.case.model, result.case.setup) == row)
    worst = max((grade.letter for grade in own if grade is not None), default="")
    return Cell(worst, TONES[worst]) if worst else Cell("–", Tone.QUIET)


def _cell(found: Figures, row: Key, baseline: Key) -> Cell:
    if row not in found.summaries:
        return Cell("–", Tone.QUIET)
    summary = found.summaries[row]
    value = summary.headline.value
    text = numbers_of(summary, unit_of(summary.metric)).with_unit(value)
    text += _ELSEWHERE if row in found.elsewhere else ""
    base = found.summaries[baseline].headline.value if baseline in found.summaries else None
    alike = found.elsewhere.get(row) == found.elsewhere.get(baseline)
    if row == baseline or not base or value is None or not alike:
        return Cell(text)
    return Cell(f"{text} ×{value / base:.2f}")
