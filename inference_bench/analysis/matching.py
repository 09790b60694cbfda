"""Which observations of two sides are compared with each other, and which have no counterpart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from inference_bench.analysis.observations import Observations, Side
from inference_bench.plan import Case

Key = tuple[object, ...]
"""What must agree for two cases, or two observations, to match."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Two sides, matched.

    Attributes:
        pairs: A's and B's observations of the same metric, phase and case.
        differing: as in ``Comparisons``.
        unmatched: as in ``Comparisons``.
        regressions: as in ``Comparisons``.
    """

    pairs: tuple[tuple[Observations, Observations], ...]
    differing: Mapping[str, tuple[object, object]]
    unmatched: tuple[str, ...]
    regressions: tuple[str, ...]


def match(before: Side, after: Side, by: str | None = None) -> Matched:
    """Match the observations of two sides.

    Cases match if all their fields agree, except for those in which the two sides differ as a whole: two runs of one
    dtype each compare the dtypes. Random weights match only random ones of the same scale.

    Args:
        before: A.
        after: B.
        by: the only field that may differ, if it does; None for all in which the sides differ as a whole.
    """
    differing = differing_fields(before.cases, after.cases)
    differing = {name: values for name, values in differing.items() if by in (None, name)}
    left, right = (_by_key(side, differing) for side in (before, after))
    return Matched(
        pairs=tuple((left[key], right[key]) for key in left if key in right),
        differing=differing,
        unmatched=(
            *_lacking(left, right, before.name, _failed(after, differing)),
            *_lacking(right, left, after.name, _failed(before, differing)),
            *(_failure(before, case, cause) for case, cause in before.failures),
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


def _key(case: Case, differing: Mapping[str, object]) -> Key:
    return tuple((name, value) for name, value in fields_of(case).items() if name not in differing)


def _by_key(side: Side, differing: Mapping[str, object]) -> dict[Key, Observations]:
    return {(*_key(of.case, differing), of.random_weights, of.metric, of.phase): of for of in side.observations}


def _failed(side: Side, differing: Mapping[str, object]) -> set[Key]:
    return {_key(case, differing) for case, _ in side.failures}


def _lacking(
    mine: Mapping[Key, Observations], others: Mapping[Key, Observations], name: str, failed_there: set[Key]
) -> Iterator[str]:
    """Name what only this side measured, one line per case; cases that failed on the other side are named elsewhere."""
    found: dict[str, list[str]] = {}
    for key, of in mine.items():
        if key not in others and key[:-3] not in failed_there:
            weights = f" with {of.random_weights} weights" if of.random_weights else ""
            found.setdefault(of.case.slug + weights, []).append(" ".join(filter(None, (of.metric, of.phase))))
    for slug, metrics in found.items():
        yield f"only in {name}: {slug} ({', '.join(metrics)})"


def _failure(side: Side, case: Case, cause: str) -> str:
    return f"{side.name}: {case.slug}: {cause}"


def _regressions(before: Side, after: Side, differing: Mapping[str, object]) -> Iterator[str]:
    """Name the cases that A measured and B failed to."""
    measured = {_key(of.case, differing) for of in before.observations}
    for case, cause in after.failures:
        if _key(case, differing) in measured:
            yield _failure(after, case, cause)
