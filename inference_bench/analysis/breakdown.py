"""Where the time of a step goes: its parts by self time, which together with the rest are the whole. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_bench.ceilings import Interval
from inference_bench.result import Operations

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLOCK, HOOKS, PROFILER = "clock", "hooks", "profiler"
"""What the steps of a repetition were recorded by, as in the column ``recorded_by``."""

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)|^\d+(?=\.|$)")
"""A part of a path that is the place in a list, such as that of a layer."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a step.

    Attributes:
        name: of an operator, or of modules of one kind, with ``*`` for the number of the layer.
        calls: per step.
        self_ns: what no span within it covers, over the repetitions that count, with the least and the most of all.
        share: the same as a fraction of the step.
    """

    name: str
    calls: float
    self_ns: Interval
    share: Interval


@dataclass(frozen=True, slots=True)
class StepParts:
    """A step and its parts.

    Attributes:
        step: ``prefill``, ``decode`` …
        recorded_by: ``hooks`` for modules, ``profiler`` for operators.
        repetitions: carried out.
        counted: repetitions that count: the middle half by the time of the step, so that parts and rest are the whole.
        whole_ns: the step, recorded in this way.
        cost: its median, over that of the step when nothing else was recorded; with the least and the most of the
            ratios of one repetition.
        parts: by self time, the largest first.
        rest: what is in no part.
    """

    step: str
    recorded_by: str
    repetitions: int
    counted: int
    whole_ns: Interval
    cost: Interval
    parts: tuple[Part, ...]
    rest: Part


def kind_of(path: str) -> str:
    """Return the path of a module without the numbers of layers.

    >>> kind_of("model.layers.17.mlp.up_proj")
    'model.layers.*.mlp.up_proj'
    """
    return _NUMBER.sub("*", path)


def self_ns(table: Operations) -> NDArray[np.int64]:
    """Return the duration of each row without those of the rows that lie directly in it."""
    inside = table.parent >= 0
    # A parent is counted within its run, whose rows follow each other.
    first = np.searchsorted(table.run, table.run, side="left") if len(table) else table.parent
    children = np.zeros(len(table), np.int64)
    np.add.at(children, (first + table.parent)[inside], table.duration_ns[inside])
    return table.duration_ns - children


def steps_of(table: Operations) -> Iterator[StepParts]:
    """Yield each step by its modules, then each by its operators, where they were recorded."""
    own_ns = self_ns(table)
    for recorded_by in (HOOKS, PROFILER):
        of_way = table.recorded_by == recorded_by
        for step in dict.fromkeys(table.step[of_way].tolist()):
            yield _step_parts(table, own_ns, str(step), recorded_by)


def median_repetition(table: Operations, step: str, recorded_by: str) -> int:
    """Return the repetition whose step took the median time; of two the faster."""
    whole = _whole(table, step, recorded_by)
    return sorted(whole, key=whole.__getitem__)[(len(whole) - 1) // 2]


def _step_parts(table: Operations, own_ns: NDArray[np.int64], step: str, recorded_by: str) -> StepParts:
    whole, alone = _whole(table, step, recorded_by), _whole(table, step, CLOCK)
    counted = _middle_half(whole)
    figures = _Figures(table, own_ns, whole, counted)
    rows = (table.recorded_by == recorded_by) & (table.step == step) & (table.thread == "main")
    names = np.array([kind_of(path) for path in table.module]) if recorded_by == HOOKS else table.operator
    is_part = rows & (names != "")
    parts = [figures.part(str(name), is_part & (names == name)) for name in np.unique(names[is_part])]
    ratios = [whole[each] / alone[each] for each in whole if alone.get(each)]
    return StepParts(
        step=step,
        recorded_by=recorded_by,
        repetitions=len(whole),
        counted=len(counted),
        whole_ns=figures.interval(whole),
        cost=Interval(_median_ratio(whole, alone), min(ratios, default=1.0), max(ratios, default=1.0)),
        parts=tuple(sorted(parts, key=lambda part: -part.self_ns.value)),
        rest=figures.part("", rows & (names == "")),
    )


def _whole(table: Operations, step: str, recorded_by: str) -> dict[int, int]:
    """Return repetition → nanoseconds of the whole step."""
    rows = (table.recorded_by == recorded_by) & (table.step == step) & (table.depth == 0) & (table.thread == "main")
    return dict(zip(table.repetition[rows].tolist(), table.duration_ns[rows].tolist(), strict=True))


def _middle_half(whole: dict[int, int]) -> list[int]:
    ordered = sorted(whole, key=whole.__getitem__)
    left_out = len(ordered) // 4
    return ordered[left_out : len(ordered) - left_out]


def _median_ratio(whole: dict[int, int], alone: dict[int, int]) -> float:
    return float(np.median(list(whole.values())) / np.median(list(alone.values()))) if alone else 1.0


@dataclass(frozen=True, slots=True)
class _Figures:
    """Figures of parts over the repetitions of one step."""

    table: Operations
    own_ns: NDArray[np.int64]
    whole: dict[int, int]
    counted: list[int]

    def part(self, name: str, rows: NDArray[np.bool_]) -> Part:
        """Return the part that some rows make up."""
        own = dict.fromkeys(self.whole, 0)
        for repetition, value in zip(self.table.repetition[rows].tolist(), self.own_ns[rows].tolist(), strict=True):
            own[repetition] += value
        shares = {each: own[each] / self.whole[each] if self.whole[each] else 0.0 for each in own}
        value_ns = self._mean(own)
        whole_ns = self._mean(self.whole)
        share = Interval(value_ns / whole_ns if whole_ns else 0.0, min(shares.values()), max(shares.values()))
        return Part(name, int(rows.sum()) / len(self.whole), self.interval(own), share)

    def interval(self, values: dict[int, int]) -> Interval:
        """Return the mean of the repetitions that count, with the least and the most of all."""
        return Interval(self._mean(values), min(values.values()), max(values.values()))

    def _mean(self, values: dict[int, int]) -> float:
        return sum(values[each] for each in self.counted) / len(self.counted)
