"""Which observations of two sides are compared with each other, and which have no counterpart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from inference_bench.analysis.observations import CaseFailure, Observations, Side
from inference_bench.plan import Case

Pair = tuple[Observations, Observations]
"""A's and B's observations of one metric, on one machine."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Two sides, matched.

    Attributes:
        groups: the pairs of the same metric, phase and case: one per machine that measured both.
        differing: as in ``Comparisons``.
        unmatched: as in ``Comparisons``.
        regressions: as in ``Comparisons``.
    """

    groups: tuple[tuple[Pair, ...], ...]
    differing: Mapping[str, tuple[object, object]]
    unmatched: tuple[str, ...]
    regressions: tuple[str, ...]


def match(before: Side, after: Side, by: str | None = None) -> Matched:
    """Match the observations of two sides.

    Cases match if all their fields agree, except for those in which the two sides differ as a whole: two runs of one
    dtype each compare the dtypes. Random weights match only random ones of the same scale, a machine only itself.

    Args:
        before: A.
        after: B.
        by: the only field that may differ, if it does; None for all in which the sides differ as a whole.
    """
    differing = differing_fields(before.cases, after.cases)
    differing = {name: values for name, values in differing.items() if by in (None, name)}
    left, right = (_by_slot(side, differing) for side in (before, after))
    return Matched(
        groups=_groups(left, right),
        differing=differing,
        unmatched=(
            *_lacking(left, right, before.name, _failed(after, differing)),
            *_lacking(right, left, after.name, _failed(before, differing)),
            *(_line(before, failure) for failure in before.failures),
            *(f"{side.name}: {line}" for side in (before, after) for line in side.left_out),
        ),
        regressions=tuple(_regressions(before, after, differing)),
    )


def fields_of(case: Case) -> dict[str, object]:
    """Return everything that defines a case, flat."""
    parameters = {f"axis {name}": value for name, value in case.parameters.items()}
    return {"model": case.model, "benchmark": case.benchmark, **asdict(case.setup), **parameters}


def differing_fields(before: Iterable[Case], after: Iterable[Case]) -> dict[str, tuple[object, object]]:
    """Return the fields that have one value on each side, and different ones; never the benchmark."""
    left, right = ([fields_of(case) for case in cases] for cases in (before, after))
    found = {}
    for name in dict.fromkeys(name for fields in (*left, *right) for name in fields if name != "benchmark"):
        values = [list(dict.fromkeys(fields.get(name) for fields in side)) for side in (left, right)]
        if len(values[0]) == len(values[1]) == 1 and values[0] != values[1]:
            found[name] = (values[0][0], values[1][0])
    return found


class _Place(NamedTuple):
    """What must agree for two cases to match: the machine, and all fields in which the sides do not differ."""

    machine: str
    fields: tuple[tuple[str, object], ...]


class _Slot(NamedTuple):
    """What must agree for two observations to match."""

    place: _Place
    random_weights: str
    metric: str
    phase: str


def _place(case: Case, machine: str, differing: Mapping[str, object]) -> _Place:
    return _Place(machine, tuple((name, value) for name, value in fields_of(case).items() if name not in differing))


def _by_slot(side: Side, differing: Mapping[str, object]) -> dict[_Slot, Observations]:
    return {
        _Slot(_place(of.case, of.machine, differing), of.random_weights, of.metric, of.phase): of
        for of in side.observations
    }


def _groups(left: Mapping[_Slot, Observations], right: Mapping[_Slot, Observations]) -> tuple[tuple[Pair, ...], ...]:
    """Return the pairs, those that differ in their machine only together."""
    found: dict[_Slot, list[Pair]] = {}
    for slot, of in left.items():
        if slot in right:
            anywhere = slot._replace(place=slot.place._replace(machine=""))
            found.setdefault(anywhere, []).append((of, right[slot]))
    return tuple(map(tuple, found.values()))


def _failed(side: Side, differing: Mapping[str, object]) -> set[_Place]:
    return {_place(failure.case, failure.machine, differing) for failure in side.failures}


def _lacking(
    mine: Mapping[_Slot, Observations], others: Mapping[_Slot, Observations], name: str, failed_there: set[_Place]
) -> Iterator[str]:
    """Name what only this side measured, one line per machine that it has alone, else one per case.

    Cases that failed on the other side are named elsewhere.
    """
    there = {of.machine for of in others.values()}
    alone = sorted({of.machine for of in mine.values()} - there) if there else []
    yield from (f"only in {name}: machine {machine}" for machine in alone)
    found: dict[str, list[str]] = {}
    for slot, of in mine.items():
        if slot not in others and slot.place not in failed_there and of.machine not in alone:
            weights = f" with {of.random_weights} weights" if of.random_weights else ""
            found.setdefault(f"{of.case.slug}{weights}{_where(of.machine)}", []).append(
                " ".join(filter(None, (of.metric, of.phase)))
            )
    for slug, metrics in found.items():
        yield f"only in {name}: {slug} ({', '.join(metrics)})"


def _where(machine: str) -> str:
    return f" on {machine}" if machine else ""


def _line(side: Side, failure: CaseFailure) -> str:
    return f"{side.name}: {failure.case.slug}{_where(failure.machine)}: {failure.cause}"


def _regressions(before: Side, after: Side, differing: Mapping[str, object]) -> Iterator[str]:
    """Name the cases that A measured and B failed to, on the same machine."""
    measured = {_place(of.case, of.machine, differing) for of in before.observations}
    for failure in after.failures:
        if _place(failure.case, failure.machine, differing) in measured:
            yield _line(after, failure)
