"""Sentences on what a comparison says of machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from inference_bench.analysis.node_effects import odd_machines, widest_difference
from inference_bench.metrics import unit_of
from inference_bench.results.machines import names_of
from inference_bench.units import counted

if TYPE_CHECKING:
    from inference_bench.analysis.comparison_result import Comparisons
    from inference_bench.analysis.observations import Side


def lines_on_machines(found: Comparisons, before: Side, after: Side) -> Iterator[str]:
    """Yield a sentence on what the comparison says of machines; nothing where they were not told apart.

    Args:
        found: the comparison.
        before: what A observed on which machine.
        after: what B observed on which machine.
    """
    left, right = ({of.machine for of in side.observations} - {""} for side in (before, after))
    if left and right and not left & right:
        yield _across(found, before, after)
    several = [row for row in found.rows if row.replicate == "machine" and row.machines]
    alone = [row for row in found.rows if len(row.machines) == 1 and row.is_of_runs]
    if several:
        yield (
            f"Within {counted(len(found.machines), 'machine')} ({names_of(found.machines)}): each gives one change, in "
            "which its own speed cancels. The intervals are over machines and hold for further ones like these."
        )
    yield from _departures(found)
    if alone:
        machines = {machine for row in alone for machine in row.machines}
        rows = "all comparisons" if len(alone) == len(found.rows) else counted(len(alone), "comparison")
        yield (
            f"On one machine only ({names_of(machines)}): {rows}. Nothing can be pooled, and the intervals hold for "
            "that machine."
        )


def _departures(found: Comparisons) -> Iterator[str]:
    """Name each machine that takes the changes otherwise than the others do."""
    odd = Counter(machine for row in found.rows for machine in odd_machines(row))
    for machine, count in sorted(odd.items()):
        yield (
            f"{machine} departs from the other machines in {count} of {counted(len(found.rows), 'comparison')}: its "
            "changes are in the intervals, which they widen."
        )


def _across(found: Comparisons, before: Side, after: Side) -> str:
    sides = [(side.name, names_of({of.machine for of in side.observations})) for side in (before, after)]
    where = " and ".join(f"{name} on {machines}" for name, machines in sides)
    over = any(row.replicate == "machine" for row in found.rows)
    interval = "the intervals are over machines" if over else "no interval covers how machines differ"
    known = [of for side in (before, after) if (of := widest_difference(_times(side))) is not None]
    if not known:
        difference = (
            "By how much such machines differ is not known: none of these cases was measured on two on one side."
        )
    else:
        fastest, slowest, by = max(known, key=lambda of: of[2])
        difference = f"Such machines differ: {slowest} takes {100 * by:.3g} % longer than {fastest} for the same cases."
    return f"Across machines ({where}): their own speed is in every change, and {interval}. {difference}"


def _times(side: Side) -> list[dict[str, float]]:
    """Return machine → time, per case and metric."""
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    for of in side.observations:
        if unit_of(of.metric) == "ns" and of.values:
            rows.setdefault((of.case.id, of.metric, of.phase), {})[of.machine] = median(of.values.values())
    return list(rows.values())
