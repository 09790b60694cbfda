"""Holm's correction for the many comparisons of one table (Holm, 1979). Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from inference_bench.analysis.comparison_result import Comparison, Verdict
from inference_bench.analysis.quantiles import tail_of


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values: the chance of any false alarm among all of them stays below the level.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for passed, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - passed) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def corrected(rows: Sequence[Comparison], level: float) -> Iterator[Comparison]:
    """Yield the rows with adjusted p values; a difference that is not significant any more becomes inconclusive."""
    tested = [place for place, row in enumerate(rows) if row.p is not None]
    adjusted = dict(zip(tested, holm([rows[place].p or 0.0 for place in tested]), strict=True))
    for place, row in enumerate(rows):
        p, verdict, reason = adjusted.get(place), row.verdict, row.reason
        if verdict in (Verdict.BETTER, Verdict.WORSE) and (p or 0.0) > 2 * tail_of(level):
            reason = f"{verdict.value} by itself, but not after Holm's correction for {len(tested)} comparisons"
            verdict = Verdict.INCONCLUSIVE
        settled = verdict is not Verdict.INCONCLUSIVE
        yield replace(
            row, p_adjusted=p, verdict=verdict, reason=reason, needed_runs=None if settled else row.needed_runs
        )
