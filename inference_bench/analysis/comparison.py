"""Compare two sets of runs; one verdict per metric. Pure functions.

The unit of inference is the run, a fresh process: the samples of one process depend on each other, and a test over
them calls identical builds different. docs/compare.md gives the rules and the meaning of each verdict.
"""

from __future__ import annotations

import math

from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict
from inference_bench.analysis.evidence import Evidence, evidence
from inference_bench.analysis.holm import corrected
from inference_bench.analysis.margin import MARGIN, AAFloor, Margin, margin_of, no_aa_floor
from inference_bench.analysis.matching import match
from inference_bench.analysis.observations import Observations, Side
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.analysis.verdict import Terms, judge
from inference_bench.metrics import Statistic, statistic_of


def compare(
    before: Side,
    after: Side,
    *,
    margin: float = MARGIN,
    floor: AAFloor = no_aa_floor,
    paired: bool = False,
    level: float = LEVEL,
) -> Comparisons:
    """Compare B with A in every case that both have.

    Args:
        before: A, the baseline.
        after: B.
        margin: changes up to this fraction count as none.
        floor: the A/A floor of this machine.
        paired: whether equally named processes of both sides ran next to each other in time.
        level: confidence level of the intervals.
    """
    matched = match(before, after)
    found = [(a, b, evidence(a, b, paired=paired)) for a, b in matched.pairs]
    tested = sum(of is not None for _, _, of in found)
    terms = Terms(level, strict=1 - (1 - level) / max(1, tested), paired=paired)
    rows = [
        _untested(a, b) if of is None else _row(a, b, of, margin_of(a, b, margin, floor, of), terms)
        for a, b, of in found
    ]
    return Comparisons(
        before=before.name,
        after=after.name,
        rows=tuple(corrected(rows, level)),
        differing=matched.differing,
        unmatched=matched.unmatched,
        regressions=matched.regressions,
        paired=paired,
        level=level,
    )


def _row(before: Observations, after: Observations, found: Evidence, margin: Margin, terms: Terms) -> Comparison:
    limit = margin.limit
    judgement = judge(before.metric, found, limit, terms)
    low, high = judgement.interval or (None, None)
    effect = judgement.smallest_effect
    return Comparison(
        before=before.case,
        after=after.case,
        metric=before.metric,
        phase=before.phase,
        verdict=judgement.verdict,
        values=found.values,
        runs=found.runs,
        replicate=found.replicate,
        relative=found.relative,
        change=found.unscaled(found.shift.value) or 0.0,  # no negative zero
        low=None if low is None else found.unscaled(low),
        high=None if high is None else found.unscaled(high),
        margin=found.unscaled(limit),
        margin_source=margin.source,
        p=judgement.p,
        p_adjusted=judgement.p,
        smallest_effect=None if effect is None else found.unscaled(effect),
        needed_runs=judgement.needed_runs,
        method=found.shift.method,
        reason=judgement.reason,
        grades=(before.grade, after.grade),
    )


def _untested(before: Observations, after: Observations) -> Comparison:
    """Return the row of a metric for which there is no test."""
    largest = statistic_of(before.metric) is Statistic.MAXIMUM
    common = before.scores.keys() & after.scores.keys()
    scores = ([score for item, (score, _) in of.scores.items() if item in common] for of in (before, after))
    a, b = (max(side, default=math.nan) for side in scores)
    return Comparison(
        before=before.case,
        after=after.case,
        metric=before.metric,
        phase=before.phase,
        verdict=Verdict.INCONCLUSIVE,
        values=(a, b),
        runs=(len(common), len(common)),
        replicate="item",
        relative=False,
        change=b - a,
        low=None,
        high=None,
        margin=0.0,
        margin_source="",
        p=None,
        p_adjusted=None,
        smallest_effect=None,
        needed_runs=None,
        method="",
        reason="a largest value has no interval" if largest else "no items in common",
        grades=(before.grade, after.grade),
    )
