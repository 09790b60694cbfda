"""The evidence for a change from several machines, each a draw from those that might have been used. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from inference_bench.analysis.evidence import Evidence, evidence
from inference_bench.analysis.location_shift import Floats, MeanShift
from inference_bench.analysis.matching import Pair
from inference_bench.analysis.observations import Observations, Process, Side
from inference_bench.metrics import is_measured_anew


def shift_over_machines(shifts: Floats, step: float = 0.0) -> MeanShift:
    """Return the mean of the shifts within machines, with Student's t: the machine is a random effect.

    Each machine gives one shift, in which its own speed cancels. How differently machines take the change, and by how
    much each drifted between A and B, is in the spread of the shifts. Processes of one machine share both, so they do
    not count by themselves.

    Args:
        shifts: one per machine, shape (n,), at least one.
        step: smallest difference that the instruments can tell, on the scale of the shifts; its rounding error counts
            as spread, since equal shifts are not certain ones.
    """
    n = len(shifts)
    rounding = step**2 / 6 / n  # of two figures per machine, each with a variance of step² / 12
    spread = float(shifts.var(ddof=1)) / n if n > 1 else math.inf
    return MeanShift(
        value=float(shifts.mean()),
        error=math.sqrt(spread + rounding),
        freedom=float(n - 1),
        rises=None,
        falls=None,
        method="mean of the changes within machines, Student's t over machines",
    )


def evidence_over_machines(pairs: Sequence[Pair], *, paired: bool, in_rounds: bool) -> Evidence | None:
    """Return the evidence of one or several machines for the change of a metric, or None if there is none.

    One machine alone gives its own evidence, with an interval that holds for this machine. Items of a data set have the
    same score on every machine, so that the first machine's count.

    Args:
        pairs: A's and B's observations, one pair per machine.
        paired: as for ``evidence``.
        in_rounds: as for ``evidence``.
    """
    each = {before.machine: evidence(before, after, paired=paired, in_rounds=in_rounds) for before, after in pairs}
    found = {machine: of for machine, of in each.items() if of is not None}
    if not found:
        return None
    machine, first = next(iter(found.items()))
    is_of_items = first.replicate == "item" and not is_measured_anew(pairs[0][0].metric)
    if len(found) > 1 and not is_of_items:
        return _pooled(found)
    return replace(first, machines={machine: first.shift.value} if machine else {})


def _pooled(found: Mapping[str, Evidence]) -> Evidence:
    relative = all(of.relative for of in found.values())
    shifts = {machine: _shift(of, relative=relative) for machine, of in found.items()}
    before, after = (float(np.median([of.values[side] for of in found.values()])) for side in (0, 1))
    resolution = max(of.resolution for of in found.values())
    return Evidence(
        shift=shift_over_machines(
            np.array(list(shifts.values())), math.log1p(resolution / before) if relative else resolution
        ),
        values=(before, after),
        runs=(len(found), len(found)),
        relative=relative,
        replicate="machine",
        resolution=resolution,
        machines=shifts,
    )


def _shift(of: Evidence, *, relative: bool) -> float:
    """Return a machine's shift; where not all machines have a ratio, the difference of its figures."""
    return of.shift.value if of.relative == relative else of.values[1] - of.values[0]


def without_machines(side: Side, *, by_machine: bool) -> Side:
    """Return a side whose figures are of no machine, for sides that have none in common.

    Args:
        side: with the machine of each figure.
        by_machine: whether each machine counts as one figure, the median of its processes, instead of each process.
    """
    found: dict[tuple[str, str, str, str], list[Observations]] = {}
    for of in side.observations:
        found.setdefault((of.case.id, of.random_weights, of.metric, of.phase), []).append(of)
    failures = tuple(replace(failure, machine="") for failure in side.failures)
    joined = tuple(_joined(each, by_machine=by_machine) for each in found.values())
    return replace(side, observations=joined, failures=failures)


def _joined(each: Sequence[Observations], *, by_machine: bool) -> Observations:
    values: dict[Process, float] = {}
    for of in each:
        values |= (
            {(of.machine, 0): float(np.median(list(of.values.values())))} if by_machine and of.values else of.values
        )
    return replace(
        each[0],
        values=values,
        resolution=max(of.resolution for of in each),
        grade=max(of.grade for of in each),
        machine="",
    )
