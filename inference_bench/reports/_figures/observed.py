"""Figures of a run as the charts take them: with their set-up, in one unit, and what a mark says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS, Quantity, Statistic, quantity_of, statistic_of, title_of, unit_of
from inference_bench.reports._figures.figure import Ends
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._pages.document import Cell, Column, Table
from inference_bench.reports._pages.numbers import figure_heading, numbers_of
from inference_bench.reports._pages.parameters import parameters_words
from inference_bench.reports._pages.setups import Key, key_of
from inference_bench.units import GIB, MIB, NS_PER_MS, NS_PER_S, NS_PER_US, counted

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, Summary

_MOST_ROWS = 200
"""Rows of the table below a chart."""

LOAD = "load"
_IMPLIED = ("prefill", "decode")
"""Phases that a duration's own definition names."""

Parameters = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A figure and the case that it is from."""

    result: BenchmarkResult
    summary: Summary

    @property
    def key(self) -> Key:
        """Its set-up."""
        return key_of(self.result)

    @property
    def parameters(self) -> Parameters:
        """The parameters of its case."""
        return tuple(self.result.case.parameters.items())

    @property
    def value(self) -> float:
        """The figure in the metric's unit."""
        return self.summary.headline.value or 0.0

    @property
    def ends(self) -> Ends | None:
        """Its interval in the metric's unit, or None."""
        figure = self.summary.headline
        return None if figure.low is None or figure.high is None else (figure.low, figure.high)

    @property
    def is_sure(self) -> bool:
        """Whether it is more than a single observation, and has the interval that its statistic can have."""
        if statistic_of(self.summary.metric) is Statistic.MAXIMUM:
            return True
        return self.ends is not None and self.summary.n > 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where figures of several set-ups are from: the same benchmark, phase and parameters."""

    benchmark: str
    phase: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of an axis."""

    divisor: float
    name: str

    def of(self, seen: Seen) -> float:
        """Return a figure in this unit."""
        return seen.value / self.divisor

    def ends(self, seen: Seen) -> Ends | None:
        """Return its interval in this unit."""
        return seen.ends and (seen.ends[0] / self.divisor, seen.ends[1] / self.divisor)


def headline_of(result: BenchmarkResult) -> tuple[str, ...]:
    """Return the tags of a result's headline metrics; of an old run, which names none, those of all models."""
    known = dict.fromkeys(summary.metric for summary in result.summaries)
    if result.headline:
        return tuple(tag for tag in result.headline if tag in known)
    return tuple(tag for tag in known if tag in METRICS and METRICS[tag].overview)


def seen(results: Iterable[BenchmarkResult], metric: str) -> list[Seen]:
    """Return every known figure of a metric."""
    return [
        Seen(result, summary)
        for result in results
        for summary in result.summaries
        if summary.metric == metric and summary.headline.value is not None
    ]


def is_of_output(result: BenchmarkResult) -> bool:
    """Return whether a case asks what the model computes, and times nothing."""
    return bool(result.summaries) and all(quantity_of(s.metric) is Quantity.OUTPUT for s in result.summaries)


def by_origin(found: Iterable[Seen]) -> dict[Origin, dict[Key, Seen]]:
    """Return figures by where they are from, then by set-up."""
    origins: dict[Origin, dict[Key, Seen]] = {}
    for one in found:
        origin = Origin(one.result.case.benchmark, one.summary.phase, one.parameters)
        origins.setdefault(origin, {})[one.key] = one
    return origins


def common(found: Iterable[Seen]) -> tuple[Origin, dict[Key, Seen]] | None:
    """Return the origin that most set-ups have, of equals the one with most samples, then the last; with its figures.

    The last one has the largest parameters, which are the nearest to real use.
    """
    origins = list(by_origin(found).items())[::-1]
    return max(
        origins,
        key=lambda item: (
            len(item[1]),
            max(s.summary.n for s in item[1].values()) if _is_scored(item[1]) else 0,
        ),
        default=None,
    )


def _is_scored(of_origin: dict[Key, Seen]) -> bool:
    return any(one.summary.score is not None for one in of_origin.values())


def serving(found: Iterable[Seen]) -> list[Seen]:
    """Return of each case the phase that holds most memory, without the load, which holds its own for a moment."""
    most: dict[str, Seen] = {}
    for one in found:
        known = most.get(one.result.case.id)
        if one.summary.phase != LOAD and (known is None or known.value < one.value):
            most[one.result.case.id] = one
    return list(most.values())


def words(parameters: Iterable[tuple[str, object]]) -> str:
    """Return parameters as words: ``128 tokens, batch 4``."""
    return parameters_words(dict(parameters))


def varying(found: Iterable[Parameters]) -> list[str]:
    """Return the parameters in which these differ."""
    values: dict[str, set[object]] = {}
    for parameters in found:
        for name, value in parameters:
            values.setdefault(name, set()).add(value)
    return [name for name, of_name in values.items() if len(of_name) > 1]


def only(parameters: Parameters, names: Sequence[str]) -> Parameters:
    """Return the parameters of these names."""
    return tuple(item for item in parameters if item[0] in names)


def unit_for(metric: str, found: Iterable[Seen]) -> Unit:
    """Return the unit in which the largest of these figures is short."""
    largest = max((abs(one.value) for one in found), default=0.0)
    unit = unit_of(metric) or ""
    if unit == "ns":
        steps = ((NS_PER_S, "s"), (NS_PER_MS, "ms"), (NS_PER_US, "µs"), (1, "ns"))
        return next((Unit(size, name) for size, name in steps if largest >= size), Unit(1, "ns"))
    if unit == "bytes":
        return Unit(GIB, "GiB") if largest >= 4 * GIB else Unit(MIB, "MiB")
    return Unit(1, {"fraction": "share", "1": ""}.get(unit, unit))


def says(one: Seen, setups: Setups) -> str:
    """Return what a mark says: whose figure, the figure with its interval, of how many samples, of which case."""
    summary = one.summary
    figures = numbers_of(summary, unit_of(summary.metric))
    figure = figures.with_unit(one.value)
    interval = figures.interval(summary.headline) if one.ends else "no interval"
    of = "items" if summary.scope == "items" else "samples"
    runs = f" in {counted(summary.runs, 'process').replace('processs', 'processes')}" if summary.runs > 1 else ""
    case = one.result.case
    about = ", ".join(filter(None, (case.benchmark.replace("_", " "), words(case.parameters.items()))))
    is_implied = summary.phase in _IMPLIED and quantity_of(summary.metric) is Quantity.TIME
    phase = f", {summary.phase}" if summary.phase and not is_implied else ""
    name = f"{setups.name(one.key)}: " if len(setups) > 1 else ""
    return f"{name}{title_of(summary.metric)}{phase} {figure} {interval} · n = {summary.n:,} {of}{runs} · {about}"


def table(title: str, rows: Iterable[tuple[str, str, Seen]], point: str = "") -> Table:
    """Return the numbers of a chart.

    Args:
        title: of the chart.
        rows: what a row is of, the point on the other axis, the figure.
        point: heading of the column of points; without one, there is none.
    """
    found = list(rows)
    heads = (Column("of"), *([Column(point, numeric=True)] if point else []))
    figure = Column(figure_heading(one.summary for _, _, one in found), numeric=True)
    columns = (*heads, figure, Column("interval", numeric=True), Column("n", numeric=True))
    cells = []
    shown = found[:_MOST_ROWS]
    for name, place, one in shown:
        numbers = numbers_of(one.summary, unit_of(one.summary.metric))
        figures = (numbers.with_unit(one.value), numbers.interval(one.summary.headline), f"{one.summary.n:,}")
        cells.append(tuple(map(Cell, (name, *([place] if point else []), *figures))))
    ids = tuple(one.result.case.id for _, _, one in shown)
    note = f"the first {len(shown)} of {len(found):,}; the tables of cases have all" if len(found) > len(shown) else ""
    return Table(title, columns, tuple((row,) for row in cells), ids, note)


def left_out(count: int, drawn: int) -> str:
    """Return how many of something are not drawn, or nothing."""
    return f"Not drawn: {count - drawn} more." if count > drawn else ""
