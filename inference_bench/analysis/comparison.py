"""Is B faster than A, slower, the same, or can nobody tell? Pure: from what two sides observed to verdicts.

The unit of inference is the run, a fresh process: samples of one process share its luck, and a test over them calls
identical builds different. docs/compare.md gives the rules and what each verdict claims.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

import numpy as np

from inference_bench.analysis.location_shift import (
    MeanShift,
    Shift,
    needed_runs,
    paired_shift,
    score_shift,
    separate_shift,
    smallest_effect,
)
from inference_bench.analysis.quantiles import LEVEL
from inference_bench.metrics import METRICS, Better, Statistic
from inference_bench.plan import Case

MARGIN = 0.01
"""Changes of less than one per cent are nobody's business unless somebody says so."""
MOST_RUNS = 1000
"""A plan for more runs than this is no advice."""

Process = tuple[str, int]
"""Names a fresh process within its side: folder and run number, or session and pair number where interleaved."""


class Verdict(StrEnum):
    """What can be said of B against A."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


_WORDS = {
    "ns": {Verdict.BETTER: "FASTER", Verdict.WORSE: "SLOWER"},
    "bytes": {Verdict.BETTER: "SMALLER", Verdict.WORSE: "LARGER"},
}


def word(verdict: Verdict, unit: str | None) -> str:
    """Return the verdict as people say it of this unit: FASTER, SMALLER, BETTER …"""
    return _WORDS.get(unit or "", {}).get(verdict, verdict.value.upper())


@dataclass(frozen=True, slots=True)
class Observations:
    """What one side saw of one metric in one phase of one case.

    Attributes:
        case: where.
        metric: tag.
        phase: as in ``Samples``; of a scored metric the task.
        values: process → median (or the quantile asked for) of its samples, in the metric's unit.
        scores: item → score and weight, of a scored metric.
        resolution: smallest difference that the instrument can tell, in the metric's unit.
        grade: how far to believe the case, the worst of its runs; empty where nobody judged.
    """

    case: Case
    metric: str
    phase: str
    values: Mapping[Process, float] = field(default_factory=dict)
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    resolution: float = 0.0
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things compared.

    Attributes:
        name: for people.
        observations: what was measured.
        failures: cases that were not, or not wholly, measured, and why.
    """

    name: str
    observations: tuple[Observations, ...]
    failures: tuple[tuple[Case, str], ...] = ()

    @property
    def cases(self) -> list[Case]:
        """All cases, also those that failed."""
        found = [*(of.case for of in self.observations), *(case for case, _ in self.failures)]
        return list({case.id: case for case in found}.values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric in one phase of one case: B against A.

    Attributes:
        before: A's case.
        after: B's case.
        metric: tag.
        phase: as in ``Samples``; of a scored metric the task.
        verdict: what can be said.
        values: A's and B's figure, in the metric's unit: the median over runs, or the mean score.
        runs: processes (items) of A and of B.
        relative: whether change, interval, margin and smallest effect are fractions of A, or in the metric's unit.
        change: B less A.
        low: lower end of the change's interval, or None where the runs are too few.
        high: upper end.
        margin: changes up to this size count as none.
        margin_source: where the margin comes from.
        p: two-sided p of a change beyond the margin; None where there is no interval.
        p_adjusted: the same after Holm's correction over all comparisons of this table.
        smallest_effect: change that would have been seen four times out of five; None where the spread is unknown.
        needed_runs: about how many runs of each side would settle it, where they would be at most ``MOST_RUNS``.
        method: how the interval was made.
        reason: why there is no verdict; empty if there is one.
        grades: how far to believe A's and B's case; empty where nobody judged.
    """

    before: Case
    after: Case
    metric: str
    phase: str
    verdict: Verdict
    values: tuple[float, float]
    runs: tuple[int, int]
    relative: bool
    change: float
    low: float | None
    high: float | None
    margin: float
    margin_source: str
    p: float | None
    p_adjusted: float | None
    smallest_effect: float | None
    needed_runs: int | None
    method: str
    reason: str = ""
    grades: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Comparisons:
    """B against A, case by case.

    Attributes:
        before: A's name.
        after: B's name.
        rows: the comparisons.
        differing: fields of a case in which the sides differ as a whole, such as ``dtype``, with both values.
        unmatched: cases or metrics that one side lacks, one line each.
        regressions: cases that A measured and B failed to, one line each.
        paired: whether the runs are interleaved pairs.
        level: confidence level of the intervals.
    """

    before: str
    after: str
    rows: tuple[Comparison, ...]
    differing: Mapping[str, tuple[object, object]]
    unmatched: tuple[str, ...]
    regressions: tuple[str, ...]
    paired: bool
    level: float

    @property
    def is_settled(self) -> bool:
        """Whether every comparison has a verdict."""
        return bool(self.rows) and all(row.verdict is not Verdict.INCONCLUSIVE for row in self.rows)

    @property
    def is_worse(self) -> bool:
        """Whether B is worse than A anywhere beyond the margin, or fails where A did not."""
        return bool(self.regressions) or any(row.verdict is Verdict.WORSE for row in self.rows)


Floor = Callable[[Observations], float | None]
"""Returns the A/A floor as a fraction, or None where it was not measured."""


def no_floor(_: Observations) -> None:
    """Know of no A/A floor."""


def compare(
    before: Side,
    after: Side,
    *,
    margin: float = MARGIN,
    floor: Floor = no_floor,
    paired: bool = False,
    level: float = LEVEL,
) -> Comparisons:
    """Compare B with A in every case that both have.

    Cases match where all their fields agree, except for those in which the two sides differ as a whole: two runs of
    one dtype each compare the dtypes.

    Args:
        before: A, the baseline.
        after: B.
        margin: changes up to this fraction count as none.
        floor: what identical configurations differ by on this machine.
        paired: whether equally named processes of both sides ran next to each other in time.
        level: confidence level of the intervals.
    """
    differing = differing_fields(before.cases, after.cases)
    left, right = (_by_key(side, differing) for side in (before, after))
    pairs = [(left[key], right[key]) for key in left if key in right]
    family = sum(1 for a, b in pairs if _evidence(a, b, paired=paired) is not None)
    rows = [_row(a, b, margin, floor, level, max(1, family), paired=paired) for a, b in pairs]
    lacking = [
        *_lacking(left, right, before.name, _failed(after, differing)),
        *_lacking(right, left, after.name, _failed(before, differing)),
    ]
    return Comparisons(
        before=before.name,
        after=after.name,
        rows=tuple(_with_holm(rows, level)),
        differing=differing,
        unmatched=(*lacking, *(_failure(before, case, cause) for case, cause in before.failures)),
        regressions=tuple(_regressions(before, after, differing)),
        paired=paired,
        level=level,
    )


# Matching


def fields_of(case: Case) -> dict[str, object]:
    """Return everything that defines a case, flat."""
    parameters = {f"axis {name}": value for name, value in case.parameters.items()}
    return {"model": case.model, "benchmark": case.benchmark, **asdict(case.setup), **parameters}


def differing_fields(before: Iterable[Case], after: Iterable[Case]) -> dict[str, tuple[object, object]]:
    """Return the fields of which each side has one value, and not the same; never the benchmark."""
    left, right = ([fields_of(case) for case in cases] for cases in (before, after))
    found = {}
    for name in dict.fromkeys(name for fields in (*left, *right) for name in fields if name != "benchmark"):
        values = [list(dict.fromkeys(fields.get(name) for fields in side)) for side in (left, right)]
        if len(values[0]) == len(values[1]) == 1 and values[0] != values[1]:
            found[name] = (values[0][0], values[1][0])
    return found


Key = tuple[object, ...]


def _key(case: Case, differing: Mapping[str, object]) -> Key:
    return tuple((name, value) for name, value in fields_of(case).items() if name not in differing)


def _by_key(side: Side, differing: Mapping[str, object]) -> dict[Key, Observations]:
    return {(*_key(of.case, differing), of.metric, of.phase): of for of in side.observations}


def _failed(side: Side, differing: Mapping[str, object]) -> set[Key]:
    return {_key(case, differing) for case, _ in side.failures}


def _lacking(
    mine: Mapping[Key, Observations], others: Mapping[Key, Observations], name: str, failed_there: set[Key]
) -> Iterator[str]:
    """Name what only this side measured, once a case; what the other failed to measure is told elsewhere."""
    found: dict[str, list[str]] = {}
    for key, of in mine.items():
        if key not in others and key[:-2] not in failed_there:
            found.setdefault(of.case.slug, []).append(" ".join(filter(None, (of.metric, of.phase))))
    for slug, metrics in found.items():
        yield f"only in {name}: {slug} ({', '.join(metrics)})"


def _failure(side: Side, case: Case, cause: str) -> str:
    return f"{side.name}: {case.slug}: {cause}"


def _regressions(before: Side, after: Side, differing: Mapping[str, object]) -> Iterator[str]:
    """Name the cases that B failed to measure, but A did not."""
    measured = {_key(of.case, differing) for of in before.observations}
    for case, cause in after.failures:
        if _key(case, differing) in measured:
            yield _failure(after, case, cause)


# One comparison


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The shift between two sides, and how to speak of it: ``relative`` ones are differences of logarithms."""

    shift: Shift | MeanShift
    values: tuple[float, float]
    runs: tuple[int, int]
    relative: bool


def _evidence(before: Observations, after: Observations, *, paired: bool) -> _Evidence | None:
    if before.scores or after.scores:
        return _score_evidence(before, after)
    common = [process for process in before.values if process in after.values]
    if paired and common:
        a, b = (np.array([of.values[process] for process in common]) for of in (before, after))
    else:
        a, b = (np.array(list(of.values.values())) for of in (before, after))
    if len(a) == 0 or len(b) == 0:
        return None
    relative = bool((a > 0).all() and (b > 0).all())
    scaled = (np.log(a), np.log(b)) if relative else (a, b)
    shift = paired_shift(scaled[1] - scaled[0]) if paired and common else separate_shift(*scaled)
    return _Evidence(shift, (float(np.median(a)), float(np.median(b))), (len(a), len(b)), relative)


def _score_evidence(before: Observations, after: Observations) -> _Evidence | None:
    metric = METRICS.get(before.metric)
    items = [item for item in before.scores if item in after.scores]
    if not items or (metric is not None and metric.statistic is Statistic.MAXIMUM):
        return None
    a, b = (np.array([of.scores[item][0] for item in items]) for of in (before, after))
    weights = np.array([before.scores[item][1] for item in items])
    means = float(np.average(a, weights=weights)), float(np.average(b, weights=weights))
    return _Evidence(score_shift(a, b, weights), means, (len(items), len(items)), relative=False)


def _row(
    before: Observations,
    after: Observations,
    margin: float,
    floor: Floor,
    level: float,
    family: int,
    *,
    paired: bool,
) -> Comparison:
    found = _evidence(before, after, paired=paired)
    if found is None:
        return _without_evidence(before, after)
    shift, size = found.shift, abs(found.values[0])
    reach, source = _margin(before, after, margin, floor, size)
    limit = math.log1p(reach) if found.relative else reach * size
    ends = shift.interval(level)
    p = None if ends is None else min(1.0, 2 * min(shift.p_above(limit), shift.p_below(-limit)))
    strict = 1 - (1 - level) / family
    effect = smallest_effect(shift, strict)

    def shown(value: float | None) -> float | None:
        return None if value is None else math.expm1(min(value, 700.0)) if found.relative else value

    verdict = _verdict(shift, ends, limit, before.metric, level)
    needed = _needed(shift, found.runs, limit, effect, strict, paired=paired)
    return Comparison(
        before=before.case,
        after=after.case,
        metric=before.metric,
        phase=before.phase,
        verdict=verdict,
        values=found.values,
        runs=found.runs,
        relative=found.relative,
        change=shown(shift.value) or 0.0,
        low=shown(ends[0] if ends else None),
        high=shown(ends[1] if ends else None),
        margin=shown(limit) or 0.0,
        margin_source=source,
        p=p,
        p_adjusted=p,
        smallest_effect=shown(None if effect is None else limit + effect),
        needed_runs=needed,
        method=shift.method,
        reason=_reason(before.metric, found, ends, needed, strict, paired=paired)
        if verdict is Verdict.INCONCLUSIVE
        else "",
        grades=(before.grade, after.grade),
    )


def _margin(before: Observations, after: Observations, asked: float, floor: Floor, size: float) -> tuple[float, str]:
    """Return the largest of the margins, as a fraction, and where it comes from."""
    known = [found for found in (floor(before), floor(after)) if found is not None]
    resolution = 2 * max(before.resolution, after.resolution)
    candidates = [(asked, "asked for"), (max(known, default=0.0), "A/A floor")]
    candidates.append((resolution / size if size else 0.0, "2 × resolution"))
    return max(candidates, key=lambda candidate: candidate[0])


def _verdict(
    shift: Shift | MeanShift, ends: tuple[float, float] | None, limit: float, metric: str, level: float
) -> Verdict:
    if ends is None:
        return Verdict.INCONCLUSIVE
    if -limit <= ends[0] and ends[1] <= limit:
        return Verdict.SAME
    if metric not in METRICS:
        return Verdict.INCONCLUSIVE
    half = (1 - level) / 2 * (1 + 1e-9)
    above, below = shift.p_above(limit) <= half, shift.p_below(-limit) <= half
    if not above and not below:
        return Verdict.INCONCLUSIVE
    return Verdict.BETTER if above == (METRICS[metric].better is Better.HIGHER) else Verdict.WORSE


def _needed(
    shift: Shift | MeanShift,
    runs: tuple[int, int],
    limit: float,
    effect: float | None,
    strict: float,
    *,
    paired: bool,
) -> int | None:
    """Plan how many runs would move the interval to one side of the margin, if the estimate and the spread are true."""
    least = 2 if isinstance(shift, MeanShift) else needed_runs(strict, paired=paired)
    distance = abs(abs(shift.value) - limit)
    if effect is None:
        return least
    if distance == 0:
        return None
    wanted = min(runs) * (effect / distance) ** 2
    affordable = isinstance(shift, MeanShift) or wanted <= MOST_RUNS
    return max(least, min(runs) + 1, math.ceil(wanted)) if affordable else None


def _reason(
    metric: str, found: _Evidence, ends: tuple[float, float] | None, needed: int | None, strict: float, *, paired: bool
) -> str:
    items = isinstance(found.shift, MeanShift)
    if metric not in METRICS:
        return "this version does not know whether more or less of it is better"
    if ends is None and items:
        return "cannot tell from one item"
    if ends is None:
        least = needed_runs(strict, paired=paired)
        have = f"{found.runs[0]} pairs" if paired else f"{found.runs[0]} and {found.runs[1]} runs"
        return f"cannot tell from {have}: needs {least}{'' if paired else ' each'}"
    many = f"about {needed:,}" if needed else f"more than {MOST_RUNS:,}"
    unit = "items" if items else "pairs" if paired else "runs of each side"
    return f"the interval reaches from within the margin to beyond it; {many} {unit} would settle it"


def _without_evidence(before: Observations, after: Observations) -> Comparison:
    largest = before.metric in METRICS and METRICS[before.metric].statistic is Statistic.MAXIMUM
    reason = "a largest value has no interval" if largest else "no items in common"
    tops = (max((score for score, _ in of.scores.values()), default=math.nan) for of in (before, after))
    values = next(tops), next(tops)
    return Comparison(
        before=before.case,
        after=after.case,
        metric=before.metric,
        phase=before.phase,
        verdict=Verdict.INCONCLUSIVE,
        values=values,
        runs=(len(before.scores), len(after.scores)),
        relative=False,
        change=values[1] - values[0],
        low=None,
        high=None,
        margin=0.0,
        margin_source="",
        p=None,
        p_adjusted=None,
        smallest_effect=None,
        needed_runs=None,
        method="",
        reason=reason,
        grades=(before.grade, after.grade),
    )


# Many comparisons


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


def _with_holm(rows: Sequence[Comparison], level: float) -> Iterator[Comparison]:
    """Take back the differences that many comparisons would show by chance."""
    tested = [place for place, row in enumerate(rows) if row.p is not None]
    adjusted = dict(zip(tested, holm([rows[place].p or 0.0 for place in tested]), strict=True))
    for place, row in enumerate(rows):
        p, verdict, reason = adjusted.get(place), row.verdict, row.reason
        if verdict in (Verdict.BETTER, Verdict.WORSE) and (p or 0.0) > (1 - level) * (1 + 1e-9):
            reason = f"{verdict.value} by itself, but not after Holm's correction for {len(tested)} comparisons"
            verdict = Verdict.INCONCLUSIVE
        settled = verdict is not Verdict.INCONCLUSIVE
        yield replace(
            row, p_adjusted=p, verdict=verdict, reason=reason, needed_runs=None if settled else row.needed_runs
        )
