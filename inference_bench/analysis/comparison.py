"""Compare two sets of runs; one verdict per metric. Pure functions.

The unit of inference is the run, a fresh process: the samples of one process depend on each other, and a test over
them calls identical builds different. docs/compare.md gives the rules and the meaning of each verdict.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from inference_bench.analysis.comparison_result import Comparison, Comparisons, Verdict
from inference_bench.analysis.evidence import Evidence
from inference_bench.analysis.holm import corrected
from inference_bench.analysis.location_shift import MeanShift
from inference_bench.analysis.machine_evidence import evidence_over_machines, without_machines
from inference_bench.analysis.margin import MARGIN, AAFloor, Margin, margin_of, no_aa_floor
from inference_bench.analysis.matching import Matched, Pair, match
from inference_bench.analysis.observations import Observations, Side
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.analysis.verdict import Terms, judge
from inference_bench.metrics import MAIN_METRICS, Statistic, statistic_of
from inference_bench.plan import Case


@dataclass(frozen=True, slots=True)
class Contest:
    """Two sides that are compared with each other.

    Attributes:
        before: A, the baseline.
        after: B.
        floor: the A/A floor of this machine.
        paired: whether equally named processes of both sides ran next to each other in time.
        in_rounds: as in ``Comparisons``.
        by: the only field in which their cases may differ, as ``matching.fields_of`` names it; None for all fields in
            which the sides differ as a whole.
        unequal: returns why the work of A's case and of B's was not the same, a phrase each; nothing if it was.
        across_machines: whether figures of different machines are compared: the sides have no machine in common.
    """

    before: Side
    after: Side
    floor: AAFloor = no_aa_floor
    paired: bool = False
    in_rounds: bool = False
    by: str | None = None
    unequal: Callable[[Case, Case], Sequence[str]] = lambda before, after: ()
    across_machines: bool = False

    @property
    def by_machine(self) -> bool:
        """Whether machines count, not processes: other machines on each side, several of them."""
        sides = self.before, self.after
        return self.across_machines and all(len({of.machine for of in side.observations}) > 1 for side in sides)


def compare(
    before: Side,
    after: Side,
    *,
    margin: float = MARGIN,
    floor: AAFloor = no_aa_floor,
    paired: bool = False,
    in_rounds: bool = False,
    level: float = LEVEL,
) -> Comparisons:
    """Compare B with A in every case that both have; the arguments are those of ``Contest`` and ``compare_all``."""
    (found,) = compare_all([Contest(before, after, floor, paired, in_rounds)], margin=margin, level=level)
    return found


def compare_all(contests: Sequence[Contest], *, margin: float = MARGIN, level: float = LEVEL) -> list[Comparisons]:
    """Compare the sides of each contest; the correction for many comparisons is over those of all contests.

    The main metrics, which verdicts in words tell, are one family; all other metrics are a second one. Each keeps the
    level by itself, so that thirty figures of detail do not cost the main ones their power.

    Args:
        contests: what is compared.
        margin: changes up to this fraction count as none.
        level: confidence level of the intervals.
    """
    matched = [_matched(contest) for contest in contests]
    found = [
        [(pairs, _evidence(contest, pairs)) for pairs in of.groups]
        for contest, of in zip(contests, matched, strict=True)
    ]
    tested = Counter(_is_main(pairs[0][0]) for each in found for pairs, of in each if of is not None)
    strict = {family: 1 - (1 - level) / max(1, tested[family]) for family in (True, False)}
    rows = [list(_rows(contest, each, margin, level, strict)) for contest, each in zip(contests, found, strict=True)]
    final = iter(_corrected_by_family([row for each in rows for row in each], level))
    return [
        _comparisons(contest, of, tuple(islice(final, len(each))), level)
        for contest, of, each in zip(contests, matched, rows, strict=True)
    ]


def _matched(contest: Contest) -> Matched:
    sides = [contest.before, contest.after]
    if contest.across_machines:
        sides = [without_machines(side, by_machine=contest.by_machine) for side in sides]
    before, after = sides
    return match(before, after, contest.by)


def _evidence(contest: Contest, pairs: Sequence[Pair]) -> Evidence | None:
    if not contest.by_machine:
        return evidence_over_machines(pairs, paired=contest.paired, in_rounds=contest.in_rounds)
    # The drift that a few runs do not show is in the spread of machines.
    found = evidence_over_machines(pairs, paired=False, in_rounds=True)
    return replace(found, replicate="machine") if found is not None and found.replicate == "run" else found


def _is_main(observed: Observations | Comparison) -> bool:
    return observed.metric in MAIN_METRICS


def _corrected_by_family(rows: Sequence[Comparison], level: float) -> list[Comparison]:
    """Return the rows in their order, those of each family corrected for its own number of comparisons."""
    families = {family: iter(corrected([r for r in rows if _is_main(r) == family], level)) for family in (True, False)}
    return [next(families[_is_main(row)]) for row in rows]


def _rows(
    contest: Contest,
    found: Sequence[tuple[Sequence[Pair], Evidence | None]],
    asked: float,
    level: float,
    strict: Mapping[bool, float],
) -> Iterator[Comparison]:
    """Yield the rows of a contest, before the correction for many comparisons."""
    for pairs, of in found:
        before, after = pairs[0]
        if of is None:
            row = _untested(before, after)
        else:
            terms = Terms(level, strict[_is_main(before)], contest.paired)
            # What a machine drifts by itself is in the interval of runs in turn, and in that over machines.
            covered = contest.paired or contest.in_rounds or of.replicate == "machine"
            row = _row(before, after, of, margin_of(before, after, asked, contest.floor, of, covered=covered), terms)
        row = replace(row, grades=_grades(pairs))
        reasons = contest.unequal(before.case, after.case)
        yield _withheld(row, reasons) if reasons else row


def _grades(pairs: Sequence[Pair]) -> tuple[str, str]:
    """Return the worst grade of A's and of B's case on any machine."""
    return max(before.grade for before, _ in pairs), max(after.grade for _, after in pairs)


def _comparisons(contest: Contest, matched: Matched, rows: tuple[Comparison, ...], level: float) -> Comparisons:
    return Comparisons(
        before=contest.before.name,
        after=contest.after.name,
        rows=rows,
        differing=matched.differing,
        unmatched=matched.unmatched,
        regressions=matched.regressions,
        paired=contest.paired,
        level=level,
        in_rounds=contest.in_rounds,
    )


def _withheld(row: Comparison, reasons: Sequence[str]) -> Comparison:
    """Return a row with both figures, and without anything that follows from their difference."""
    return replace(
        row,
        verdict=Verdict.WITHHELD,
        change=math.nan,
        low=None,
        high=None,
        p=None,
        p_adjusted=None,
        p_sign=None,
        p_sign_adjusted=None,
        smallest_effect=None,
        needed_runs=None,
        method="",
        reason="; ".join(reasons),
        flipped=None,
        machines={},
    )


def _row(before: Observations, after: Observations, found: Evidence, margin: Margin, terms: Terms) -> Comparison:
    judgement = judge(before.metric, found, margin, terms)
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
        margin=found.unscaled(margin.limit),
        margin_source=margin.source,
        p=judgement.p,
        p_adjusted=judgement.p,
        p_sign=judgement.p_sign,
        p_sign_adjusted=judgement.p_sign,
        smallest_effect=None if effect is None else found.unscaled(effect),
        needed_runs=judgement.needed_runs,
        method=found.shift.method,
        reason=judgement.reason,
        flipped=found.shift.flipped if isinstance(found.shift, MeanShift) else None,
        machines={machine: found.unscaled(shift) for machine, shift in found.machines.items()},
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
        reason="a largest value has no interval" if largest else "no items in common",
    )
