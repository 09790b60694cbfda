"""Models and set-ups side by side: one row each, one column per headline metric of each benchmark."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS, Quantity, Statistic, quantity_of, statistic_of, title_of, unit_of
from inference_bench.reports._pages.document import NO_FIGURE, Block, Cell, Column, Table, Tone
from inference_bench.reports._pages.findings import TONES
from inference_bench.reports._pages.numbers import numbers_of
from inference_bench.spec import SETUP_AXES
from inference_bench.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference_bench.result import BenchmarkResult, Summary
    from inference_bench.spec import Setup

Key = tuple[str, "Setup"]
"""A row: a model in one set-up."""

Observed = tuple["BenchmarkResult", "Summary"]

Point = tuple[str, str, tuple[tuple[str, object], ...]]
"""The origin of a figure: benchmark, phase, parameters."""


HEADING = "Summary"
_ELSEWHERE = "°"
_UNSURE = "~"
LOAD = "load"


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric's figures by row.

    Attributes:
        tag: of the metric.
        heading: of the column.
        point: the origin that most rows have.
        summaries: of each row.
        elsewhere: row → its own parameters, if it was not measured with the common ones.
    """

    tag: str
    heading: str
    point: Point
    summaries: Mapping[Key, Summary]
    elsewhere: Mapping[Key, tuple[tuple[str, object], ...]]


def overview(results: Sequence[BenchmarkResult]) -> Block | None:
    """Return the table, or None if there is a single row.

    Args:
        results: of a run.
    """
    rows = list(dict.fromkeys((result.case.model, result.case.setup) for result in results))
    if len(rows) < 2:
        return None
    figures = _columns(results)
    varying = [name for name in SETUP_AXES if len({getattr(setup, name) for _, setup in rows}) > 1]
    heads = (Column("model"), *(Column(name) for name in varying))
    spare = _spare([found.tag for found in figures])
    columns = tuple(Column(found.heading, numeric=True, spare=n) for found, n in zip(figures, spare, strict=True))
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
                    *(_cell(found, (model, setup), baselines[model]) for found in figures),
                )
                for model, setup in rows
                if model == group
            )
            for group in dict.fromkeys(model for model, _ in rows)
        ),
    )
    lines = [text for found in figures if (text := _where(found))]
    if len(rows) > len(baselines):
        lines.append("×, +, -: ratio to, or difference from, the model's first row, where the intervals do not overlap")
    if any(_is_unsure(summary) for found in figures for summary in found.summaries.values()):
        lines.append(f"{_UNSURE}: too few samples for an interval")
    if any(found.elsewhere for found in figures):
        lines.append(f"{_ELSEWHERE}: measured with the model's own parameters")
    return Block(Cell(HEADING, Tone.STRONG), tuple(Cell(line, Tone.QUIET) for line in lines), (table,))


def _baselines(rows: Sequence[Key]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for row in rows:
        found.setdefault(row[0], row)
    return found


def _columns(results: Sequence[BenchmarkResult]) -> list[Figures]:
    """Return the headline metrics of each benchmark, in order; for an old run, which names none, those of all models.

    A metric of several benchmarks has a column for each, with the benchmark in the heading.
    """
    headlines = dict.fromkeys((result.case.benchmark, tag) for result in results for tag in result.headline)
    if not headlines:
        return [figures for tag, metric in METRICS.items() if metric.overview for figures in _figures(tag, results)]
    of_benchmark = {name: [r for r in results if r.case.benchmark == name] for name, _ in headlines}
    measured = [figures for name, tag in headlines for figures in _figures(tag, of_benchmark[name])]
    count = Counter(figures.heading for figures in measured)
    return [figures if count[figures.heading] == 1 else _with_benchmark(figures) for figures in measured]


def _with_benchmark(figures: Figures) -> Figures:
    return replace(figures, heading=f"{figures.heading}, {figures.point[0].replace('_', ' ')}")


def _spare(tags: Sequence[str]) -> list[int]:
    """Return which columns are left out first on a narrow screen: those that are not of the table of all models."""
    order = sorted(range(len(tags)), key=lambda place: tags[place] not in METRICS or not METRICS[tags[place]].overview)
    return [order.index(place) for place in range(len(tags))]


def _figures(tag: str, results: Sequence[BenchmarkResult]) -> Iterator[Figures]:
    """Yield a metric's columns: one, or of memory the largest of all phases of serving, and the load by itself.

    What a load needs for a moment says nothing about what the model holds while it serves.
    """
    measured = [(result, s) for result in results for s in result.summaries if s.metric == tag]
    seen = [(result, s) for result, s in measured if s.headline.value is not None]
    phases = {s.phase for _, s in seen}
    if quantity_of(tag) is not Quantity.MEMORY or LOAD not in phases or len(phases) == 1:
        yield from _column(tag, title_of(tag), seen)
        return
    yield from _column(tag, f"{title_of(tag)}, serving", _largest([(r, s) for r, s in seen if s.phase != LOAD]))
    yield from _column(tag, f"{title_of(tag)}, {LOAD}", [(r, s) for r, s in seen if s.phase == LOAD])


def _largest(seen: Sequence[Observed]) -> list[Observed]:
    """Return the phase of each case in which most memory is held; without its name, which may differ by row."""
    found: dict[str, Observed] = {}
    for result, summary in seen:
        known = found.get(result.case.id)
        if known is None or (known[1].headline.value or 0.0) < (summary.headline.value or 0.0):
            found[result.case.id] = result, replace(summary, phase="")
    return list(found.values())


def _column(tag: str, heading: str, seen: Sequence[Observed]) -> Iterator[Figures]:
    """Yield a column with the figures from the origin that most rows have; of equals a total, else the first.

    A row without that origin takes its first one of the same benchmark and phase: models have their own lengths.
    """
    points: dict[Point, dict[Key, Summary]] = {}
    for result, summary in seen:
        case = result.case
        point = case.benchmark, summary.phase, tuple(case.parameters.items())
        points.setdefault(point, {})[case.model, case.setup] = summary
    if not points:
        return
    common, summaries = max(points.items(), key=lambda item: (len(item[1]), item[0][1] == "total"))
    found, elsewhere = dict(summaries), {}
    for (benchmark, phase, parameters), others in points.items():
        for row, summary in others.items():
            if (benchmark, phase) == common[:2] and row not in found:
                found[row], elsewhere[row] = summary, parameters
    yield Figures(tag, heading, common, found, elsewhere)


def _where(found: Figures) -> str:
    """Return the phase and the parameters of a column's figures."""
    _, phase, parameters = found.point
    words = [phase] if phase else []
    words += [f"{name.replace('_', ' ')} {value}" for name, value in parameters]
    return f"{found.heading}: {', '.join(words)}" if words else ""


def _weights(row: Key, results: Sequence[BenchmarkResult]) -> Cell:
    own = [result for result in results if (result.case.model, result.case.setup) == row]
    weights: Mapping[str, object] = next((r.model["weights"] for r in own if r.model.get("weights")), {})
    if not weights:
        return NO_FIGURE
    if weights.get("source") == "random":
        return Cell("RANDOM, reduced" if weights.get("scale") == "reduced" else "RANDOM", Tone.ALARM)
    return Cell(str(weights.get("source")), Tone.QUIET)


def _grade(row: Key, results: Sequence[BenchmarkResult]) -> Cell:
    """Return the worst grade of a row's cases."""
    own = (result.grade for result in results if (result.case.model, result.case.setup) == row)
    worst = max((grade.letter for grade in own if grade is not None), default="")
    return Cell(worst, TONES[worst]) if worst else NO_FIGURE


def _cell(found: Figures, row: Key, baseline: Key) -> Cell:
    if row not in found.summaries:
        return NO_FIGURE
    summary = found.summaries[row]
    value = summary.headline.value
    text = numbers_of(summary, unit_of(summary.metric)).with_unit(value)
    text += _ELSEWHERE if row in found.elsewhere else ""
    text += _UNSURE if _is_unsure(summary) else ""
    base = found.summaries.get(baseline)
    alike = found.elsewhere.get(row) == found.elsewhere.get(baseline)
    if row == baseline or base is None or base.headline.value is None or value is None or not alike:
        return Cell(text)
    if not _differ(base, summary):
        return Cell(text)
    return Cell(f"{text} {_against(summary.metric, value, base.headline.value)}".rstrip())


def _is_unsure(summary: Summary) -> bool:
    """Return whether a figure lacks the interval that its statistic could have."""
    known = summary.headline.low is not None and summary.headline.high is not None
    return not known and statistic_of(summary.metric) is not Statistic.MAXIMUM


def _differ(base: Summary, summary: Summary) -> bool:
    """Return whether two figures are known to differ: their intervals do not overlap. A maximum has none."""
    if statistic_of(summary.metric) is Statistic.MAXIMUM:
        return True
    ends = (base.headline.low, base.headline.high, summary.headline.low, summary.headline.high)
    low, high, other_low, other_high = (math.nan if end is None else end for end in ends)
    return high < other_low or other_high < low


def _against(metric: str, value: float, base: float) -> str:
    """Return a figure against the baseline's: their ratio, or their difference if a ratio says nothing.

    A slope or a growth may be zero or negative on either side.
    """
    if value > 0 and base > 0 and statistic_of(metric) is not Statistic.SLOPE:
        return f"×{value / base:.2f}"
    difference = value - base
    sign = "+" if difference > 0 else "-" if difference < 0 else "±"
    return f"{sign}{format_value(abs(difference), unit_of(metric) or '')}"
