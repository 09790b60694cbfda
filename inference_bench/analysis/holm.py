"""Holm's correction for the many comparisons of one table (Holm, 1979). Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference_bench.analysis.comparison_result import Comparison, Verdict
from inference_bench.analysis.quantiles import tail_of
from inference_bench.units import counted


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


def corrected(rows: Sequence[Comparison], level: float) -> list[Comparison]:
    """Return the rows with adjusted p values and the verdicts that these leave.

    Two claims can be made about a row: that its change lies beyond the margin, and that there is a change in this
    direction at all. Holm's procedure decides the first. The second is tested at ``(1 - level) / others``, where
    ``others`` counts the rows about which the first is not made.

    Of ``k`` rows whose change does not lie beyond the margin, a first false claim of either kind needs a p of at most
    ``(1 - level) / k``, because only the other rows can have left the count before. The probability of any false claim
    is therefore at most ``1 - level``.
    """
    adjusted = _adjusted([row.p for row in rows])
    allowed = 2 * tail_of(level)
    tested = sum(p is not None for p in adjusted)
    others = tested - sum(_is_beyond(row, p, allowed) for row, p in zip(rows, adjusted, strict=True))
    return [_corrected(row, p, others, tested, allowed) for row, p in zip(rows, adjusted, strict=True)]


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p values of those that are known."""
    found = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(found) for p in p_values]


def _is_beyond(row: Comparison, p: float | None, allowed: float) -> bool:
    return row.verdict in (Verdict.BETTER, Verdict.WORSE) and p is not None and p <= allowed


def _corrected(row: Comparison, p: float | None, others: int, tested: int, allowed: float) -> Comparison:
    sign = None if row.p_sign is None else min(1.0, max(1, others) * row.p_sign)
    verdict, reason = row.verdict, row.reason
    if verdict.direction is not None and not _is_beyond(row, p, allowed):
        is_certain = sign is not None and sign <= allowed
        if verdict.is_settled or not is_certain:
            claim = f"{verdict.direction.value}{' beyond the margin' if verdict.is_settled else ''}"
            reason = f"{claim} by itself, but not after Holm's correction for {counted(tested, 'comparison')}"
        verdict = verdict.direction.open if is_certain else Verdict.INCONCLUSIVE
    return replace(
        row,
        p_adjusted=p,
        p_sign_adjusted=sign,
        verdict=verdict,
        reason=reason,
        needed_runs=None if verdict.is_settled else row.needed_runs,
    )
