"""The rows of set-ups side by side: which figure of each headline metric stands for a set-up, and its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inference_bench.metrics import METRICS, Quantity, quantity_of, title_of
from inference_bench.reports._pages.parameters import constants, parameter_words
from inference_bench.reports._pages.setups import Key, key_of

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, Summary

Observed = tuple["BenchmarkResult", "Summary"]

Values = tuple[int | str, ...]

LOAD = "load"
_TOTAL = "total"

_MEMORY = {"rss_peak_hwm": "memory", "device_allocated_peak": "device memory"}
"""The memory that a reader means by the word; other figures of memory keep their titles."""

_LENGTH = "input_length"

_OF_A_PROMPT = (_LENGTH, "new_tokens")

_NOT_OF_A_LENGTH = frozenset({"load_time"})
"""Times to which the length of the prompt adds nothing, or only in the first call."""

_OF_A_FUNCTION = "call_time"
"""The metric whose rows name their benchmark, which is the function."""

_MOST = 3
"""A key metric has a row for each of this many points; of more, one stands for all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of each set-up.

    Attributes:
        tag: of the metric.
        benchmark: its origin.
        name: the metric, and where in the benchmark its figures come from.
        summaries: of each set-up that has the figure.
        elsewhere: set-up → the parameters of its own that its figure belongs to, if none are common to all.
        chosen: whether figures with other parameters exist that this one stands for.
    """

    tag: str
    benchmark: str
    name: str
    summaries: Mapping[Key, Summary]
    elsewhere: Mapping[Key, str] = field(default_factory=dict)
    chosen: bool = False


def rows_of(results: Sequence[BenchmarkResult]) -> list[Row]:
    """Return the rows of each benchmark's headline metrics, in order.

    A run stored before results named their headline metrics has those with ``Metric.overview``.
    """
    headlines = dict.fromkeys((result.case.benchmark, tag) for result in results for tag in result.headline)
    if not headlines:
        benchmarks = dict.fromkeys(result.case.benchmark for result in results)
        headlines = dict.fromkeys((name, tag) for name in benchmarks for tag in METRICS if METRICS[tag].overview)
    of_benchmark = {name: [each for each in results if each.case.benchmark == name] for name, _ in headlines}
    rows = [row for name, tag in headlines for row in _of_metric(tag, of_benchmark[name])]
    count = Counter(row.name for row in rows)
    return [
        row
        if count[row.name] == 1 and row.tag != _OF_A_FUNCTION
        else replace(row, name=f"{row.name}, {row.benchmark.replace('_', ' ')}")
        for row in rows
    ]


def _of_metric(tag: str, results: Sequence[BenchmarkResult]) -> Iterator[Row]:
    found = [(result, each) for result in results for each in result.summaries if each.metric == tag]
    known = [(result, each) for result, each in found if each.headline.value is not None]
    fixed = constants([result.case for result in results])
    for name, members in _by_phase(tag, known):
        is_load = bool(members) and members[0][1].phase == LOAD and quantity_of(tag) is Quantity.MEMORY
        if is_load:
            members = _of_a_load(members)
        yield from _by_text(tag, name, members, {*fixed, *(_OF_A_PROMPT if is_load else ())}, is_of_length=not is_load)


def _of_a_load(found: Sequence[Observed]) -> list[Observed]:
    """Return the figures of each set-up's case with the longest prompt: no prompt is read while a model loads."""
    longest: dict[tuple[Key, Values], Observed] = {}
    for result, summary in found:
        others = [name for name in result.case.parameters if name not in _OF_A_PROMPT]
        place = key_of(result), _values(result, others)
        known = longest.get(place)
        if known is None or _prompt(known) < _prompt((result, summary)):
            longest[place] = result, summary
    return list(longest.values())


def _by_phase(tag: str, found: Sequence[Observed]) -> Iterator[tuple[str, list[Observed]]]:
    """Yield each phase that has rows, with the name of its rows.

    Memory has two: the load, and the largest of all phases after it. What a load needs for a moment says nothing about
    what the model holds while it serves. Of steps that have a total, the total stands for all.
    """
    phases = list(dict.fromkeys(summary.phase for _, summary in found))
    title = title_of(tag)
    if quantity_of(tag) is Quantity.MEMORY and LOAD in phases and len(phases) > 1:
        title = _MEMORY.get(tag, title)
        yield f"{title} while serving", _largest([each for each in found if each[1].phase != LOAD])
        yield f"{title} while loading", [each for each in found if each[1].phase == LOAD]
        return
    if _TOTAL in phases:
        phases = [_TOTAL]
    for phase in phases:
        members = [each for each in found if each[1].phase == phase]
        is_told = len(phases) > 1 or any(phase in result.case.parameters.values() for result, _ in members)
        yield f"{title}, {phase or 'whole'}" if is_told else title, members


def _largest(found: Sequence[Observed]) -> list[Observed]:
    """Return the phase of each case in which most memory is held; without its name, which may differ by set-up."""
    largest: dict[str, Observed] = {}
    for result, summary in found:
        known = largest.get(result.case.id)
        if known is None or (known[1].headline.value or 0.0) < (summary.headline.value or 0.0):
            largest[result.case.id] = result, replace(summary, phase="")
    return list(largest.values())


def _prompt(observed: Observed) -> float:
    return _order(_values(observed[0], [_LENGTH]))[0][1]


def _by_text(
    tag: str, name: str, found: Sequence[Observed], fixed: Container[str], *, is_of_length: bool
) -> Iterator[Row]:
    """Yield the rows of each combination of the parameters that are no numbers, such as a scenario.

    Args:
        tag: of the metric.
        name: of the rows, without parameters.
        found: the figures.
        fixed: parameters that no row names.
        is_of_length: whether a figure of time or memory names its length, even if it is fixed.
    """
    values: dict[str, set[int | str]] = {}
    for result, _ in found:
        for parameter, value in result.case.parameters.items():
            values.setdefault(parameter, set()).add(value)
    texts = [each for each in values if len(values[each]) > 1 and any(isinstance(v, str) for v in values[each])]
    numbers = [each for each in values if each not in fixed and all(isinstance(v, int) for v in values[each])]
    is_of_length &= quantity_of(tag) in (Quantity.TIME, Quantity.MEMORY) and tag not in _NOT_OF_A_LENGTH
    if is_of_length and _LENGTH in values and _LENGTH not in numbers:
        numbers.append(_LENGTH)
    groups: dict[Values, list[Observed]] = {}
    for result, summary in found:
        groups.setdefault(_values(result, texts), []).append((result, summary))
    for text, members in groups.items():
        yield from _by_number(tag, _named(name, texts, text), members, numbers)


def _by_number(tag: str, name: str, found: Sequence[Observed], numbers: Sequence[str]) -> Iterator[Row]:
    """Yield a row per point of a key metric with few of them; else one, of the largest point that all set-ups have."""
    points: dict[Values, dict[Key, Summary]] = {}
    for result, summary in found:
        points.setdefault(_values(result, numbers), {})[key_of(result)] = summary
    benchmark = found[0][0].case.benchmark
    is_key = tag not in METRICS or METRICS[tag].overview
    if len(points) == 1 or (is_key and len(points) <= _MOST):
        for point, summaries in points.items():
            yield Row(tag, benchmark, _named(name, numbers, point), summaries)
        return
    everyone = {key for summaries in points.values() for key in summaries}
    common = [point for point, summaries in points.items() if summaries.keys() == everyone]
    if common:
        point = max(common, key=_order)
        yield Row(tag, benchmark, _named(name, numbers, point), points[point], chosen=True)
        return
    own = {key: max((p for p, summaries in points.items() if key in summaries), key=_order) for key in everyone}
    summaries = {key: points[point][key] for key, point in own.items()}
    elsewhere = {key: _named("", numbers, point) for key, point in own.items()}
    yield Row(tag, benchmark, name, summaries, elsewhere, chosen=True)


def _order(point: Values) -> list[tuple[bool, float]]:
    """Return what sorts points by their numbers; a parameter that a case lacks comes first."""
    return [(isinstance(value, int), value if isinstance(value, int) else 0) for value in point]


def _values(result: BenchmarkResult, names: Sequence[str]) -> Values:
    return tuple(result.case.parameters.get(name, "–") for name in names)


def _named(name: str, parameters: Sequence[str], values: Values) -> str:
    words = (parameter_words(*each) for each in zip(parameters, values, strict=True))
    return ", ".join(filter(None, (name, *words)))
