"""From the evidence for a change to a verdict. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inference_bench.analysis.comparison_result import OF_RUNS, Verdict
from inference_bench.analysis.estimates import needed_positions
from inference_bench.analysis.evidence import Evidence
from inference_bench.analysis.location_shift import FEWEST_SEPARATE, needed_runs, smallest_effect
from inference_bench.analysis.margin import Margin
from inference_bench.analysis.quantiles import tail_of
from inference_bench.metrics import METRICS, Better
from inference_bench.units import counted

MAX_RUNS = 1000
"""More runs than this are not recommended."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all comparisons of one table share.

    Attributes:
        level: confidence level of the intervals.
        strict: the level that Holm's correction asks of the most significant comparison, for planning.
        paired: whether the runs are interleaved pairs.
    """

    level: float
    strict: float
    paired: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on. Sizes are on the scale of the shift.

    Attributes:
        verdict: before Holm's correction.
        interval: ends of the shift's interval, or None if the runs are too few.
        p: as in ``Comparison``.
        p_sign: as in ``Comparison``.
        smallest_effect: as in ``Comparison``.
        needed_runs: as in ``Comparison``.
        reason: as in ``Comparison``.
    """

    verdict: Verdict
    interval: tuple[float, float] | None
    p: float | None
    p_sign: float | None
    smallest_effect: float | None
    needed_runs: int | None
    reason: str


def judge(metric: str, found: Evidence, margin: Margin, terms: Terms) -> Judgement:
    """Return the verdict on a shift.

    Args:
        metric: tag.
        found: the shift.
        margin: on the scale of the shift.
        terms: level and pairing.
    """
    shift = found.shift
    interval = shift.interval(terms.level)
    verdict = _verdict(metric, found, interval, margin, terms)
    effect = smallest_effect(shift, terms.strict)
    needed = _needed(found, margin.limit, effect, terms)
    return Judgement(
        verdict=verdict,
        interval=interval,
        p=None if interval is None else _two_sided(found, margin.limit),
        p_sign=None if interval is None or metric not in METRICS else _two_sided(found, margin.doubt),
        smallest_effect=None if effect is None else margin.limit + effect,
        needed_runs=needed,
        reason="" if verdict.is_settled else _reason(metric, found, interval, needed, terms),
    )


def _two_sided(found: Evidence, limit: float) -> float:
    """Return the p of the claim that the shift lies beyond a limit, on either side."""
    return min(1.0, 2 * min(found.shift.p_above(limit), found.shift.p_below(-limit)))


def _verdict(
    metric: str, found: Evidence, interval: tuple[float, float] | None, margin: Margin, terms: Terms
) -> Verdict:
    if interval is None:
        return Verdict.INCONCLUSIVE
    if -margin.limit <= interval[0] and interval[1] <= margin.limit:
        return Verdict.SAME
    if metric not in METRICS:
        return Verdict.INCONCLUSIVE
    beyond = _side(found, margin.limit, terms)
    sign = beyond or _side(found, margin.doubt, terms)
    if sign == 0:
        return Verdict.INCONCLUSIVE
    if (sign > 0) == (METRICS[metric].better is Better.HIGHER):
        return Verdict.BETTER if beyond else Verdict.BETTER_OPEN
    return Verdict.WORSE if beyond else Verdict.WORSE_OPEN


def _side(found: Evidence, limit: float, terms: Terms) -> int:
    """Return 1 if the shift is certain to lie above the limit, -1 if below its negative, else 0."""
    allowed = tail_of(terms.level)
    return int(found.shift.p_above(limit) <= allowed) - int(found.shift.p_below(-limit) <= allowed)


def _needed(found: Evidence, limit: float, effect: float | None, terms: Terms) -> int | None:
    """Return how many runs would move the interval to one side of the margin, if estimate and spread are true."""
    of_runs, least = found.replicate in OF_RUNS, _least(found, terms)
    distance = abs(abs(found.shift.value) - limit)
    if effect is None:
        return least
    if distance == 0:
        return None
    # The error of a mean falls with the root of n, that of a slope over n positions with n to the power of 3/2.
    wanted = min(found.runs) * (effect / distance) ** (2 / 3 if found.replicate == "repetition" else 2)
    affordable = not of_runs or wanted <= MAX_RUNS
    return max(least, min(found.runs) + 1, math.ceil(wanted)) if affordable else None


def _least(found: Evidence, terms: Terms) -> int:
    """Return how many replicates an interval needs at least, at the level that Holm's correction asks for."""
    if found.replicate == "item":
        return 2
    if found.replicate == "machine":
        return FEWEST_SEPARATE
    if found.replicate == "repetition":
        return needed_positions(terms.strict)
    return needed_runs(terms.strict, paired=found.replicate == "pair", in_rounds=found.in_rounds)


def _reason(
    metric: str, found: Evidence, interval: tuple[float, float] | None, needed: int | None, terms: Terms
) -> str:
    if metric not in METRICS:
        return "this version does not know whether more or less of it is better"
    if interval is None and found.replicate == "item":
        return "cannot tell from one item"
    if interval is None:
        least = _least(found, terms)
        each = {"run": f" each (`run --runs {least}`)", "machine": " each"}.get(found.replicate, "")
        return f"cannot tell from {_have(found)}: needs {least}{each}"
    many = f"about {needed:,}" if needed else f"more than {MAX_RUNS:,}"
    unit = "runs of each side" if found.replicate == "run" else f"{found.replicate}s"
    return f"the interval reaches from within the margin to beyond it; {many} {unit} would settle it"


def _have(found: Evidence) -> str:
    """Return how many replicates there are: ``3 and 4 runs``, or one number if they come in pairs."""
    first, second = found.runs
    is_separate = found.replicate in ("run", "machine")
    return f"{first} and {second} {found.replicate}s" if is_separate else counted(first, found.replicate)
