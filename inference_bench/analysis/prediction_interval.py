"""Judge one new run by earlier runs of the same: a robust prediction interval, with a guard against two modes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from inference_bench.analysis.change_points import LEAST, changes
from inference_bench.analysis.comparison_result import Verdict, word
from inference_bench.analysis.estimates import MAX_EXPONENT
from inference_bench.analysis.margin import MARGIN
from inference_bench.analysis.robust_scale import qn_scale

FEWEST_RUNS = 8
"""Earlier runs that an interval needs: with fewer, the robust scale is too uncertain to detect a change of 10 %."""
WINDOW = 50
"""Latest runs that are used: older ones describe older code."""
LEVEL = 0.01
"""Probability that unchanged code gives at least one alarm, SUSPECT or WORSE, over all comparisons of a run."""

_FREEDOM = 0.7
_AS_BAD = 0.1
_PROCESSES_AS_BAD = 0.02
_POWER = 0.8
_SMALLEST_SCALE = 0.001
_ROUNDING = 1e-9
"""Fraction by which figures that are computed from the same items may differ."""


class Judgement(StrEnum):
    """What earlier runs say of a new one."""

    WORSE = "worse"
    SUSPECT = "suspect"
    OK = "ok"
    BETTER = "better"
    UNKNOWN = "unknown"

    @property
    def is_alarm(self) -> bool:
        """Whether it speaks against the new run."""
        return self in (Judgement.WORSE, Judgement.SUSPECT)


class Basis(StrEnum):
    """Where an interval comes from."""

    RUNS = "runs"
    FLOOR = "A/A floor"
    EXACT = "exact"
    NONE = ""


_VERDICTS = {Judgement.WORSE: Verdict.WORSE, Judgement.BETTER: Verdict.BETTER}
_WORDS = {Judgement.OK: "OK", Judgement.SUSPECT: "SUSPECT", Judgement.UNKNOWN: "cannot tell"}


def judgement_word(judgement: Judgement, unit: str | None) -> str:
    """Return the judgement in the words of this unit.

    >>> judgement_word(Judgement.WORSE, "ns"), judgement_word(Judgement.SUSPECT, "bytes")
    ('SLOWER', 'SUSPECT')
    """
    return word(_VERDICTS[judgement], unit) if judgement in _VERDICTS else _WORDS[judgement]


@dataclass(frozen=True, slots=True)
class Figures:
    """How the figures of one metric are judged.

    Attributes:
        comparisons: the number of figures of the new run that are judged; they share ``LEVEL``.
        margin: changes up to this fraction count as none.
        higher_is_worse: the direction in which the metric worsens.
        relative: whether figures are compared by their ratio; those that are not all positive never are.
        resolution: smallest difference that the instrument can tell, in the metric's unit.
        exact: whether unchanged code gives the same figure each time.
        spread: standard deviation of the difference between a new figure and the middle of the earlier ones, as a
            logarithm, known from elsewhere; used with fewer than ``FEWEST_RUNS`` earlier runs. None if unknown.
    """

    comparisons: int = 1
    margin: float = MARGIN
    higher_is_worse: bool = True
    relative: bool = True
    resolution: float = 0.0
    exact: bool = False
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """One new run beside its earlier runs.

    Attributes:
        judgement: the verdict.
        n: the number of earlier runs that were used.
        change: of the new figure against the middle: a fraction if ``relative``, else in the metric's unit.
        relative: whether figures are compared by their ratio.
        middle: the median of the earlier figures.
        low: the lower end of what unchanged code gives; None without an interval.
        high: the upper end.
        as_bad: how many earlier runs are at least as bad as the new one.
        passed_over: earlier runs of the window that are left out, because the level changed after them.
        basis: where the interval comes from.
        detectable: the worsening that is an alarm in four of five runs, as ``change``; None without an interval.
    """

    judgement: Judgement
    n: int
    change: float
    relative: bool
    middle: float
    low: float | None
    high: float | None
    as_bad: int
    passed_over: int = 0
    basis: Basis = Basis.NONE
    detectable: float | None = None


def predict(value: float, earlier: Sequence[float], how: Figures | None = None) -> Prediction:
    """Judge the figure of a new run by those of the last ``WINDOW`` earlier runs.

    With y the n earlier figures (their logarithms, if relative), the next run of unchanged code is expected within

        median(y) ± t(1 - LEVEL / comparisons; 0.7 (n - 1)) · Qn(y) · sqrt(1 + π / (2 n))

    This is the normal prediction interval for one further observation (Hahn & Meeker 1991, Statistical Intervals,
    section 4.8) with the mean replaced by the median, whose variance is π/2 times as large, and the standard deviation
    by Qn (Rousseeuw & Croux 1993, JASA 88, 1273-1283), which half of the runs cannot carry away. The degrees of
    freedom are those that hold the level in simulations of n = 8 to 50 (``python -m bench gate``). ``comparisons``
    divides the level (Bonferroni), for each side.

    SUSPECT: on the worse side of the interval, and at most ⌈n / 10⌉ of the earlier runs are as bad. WORSE: beyond the
    interval by more than the margin, and no earlier run is as bad. Earlier runs that form two modes would otherwise
    make every run of the rarer mode an alarm; unchanged code of any distribution is WORSE in at most 1 / (n + 1) and
    an alarm in at most (⌈n / 10⌉ + 1) / (n + 1) of its runs (a rank test). BETTER is the mirror of WORSE.

    If the level of the earlier figures changed (``change_points``), those since then are used, once they are
    ``FEWEST_RUNS``. With fewer earlier runs the known ``spread`` takes the place of Qn, if there is one. Exact figures
    that were always the same need one earlier run: any change is then BETTER or an alarm.

    Args:
        value: the new figure.
        earlier: the earlier figures, oldest first; at least one.
        how: of the metric; the default is that of a duration.
    """
    how = how or Figures()
    window = earlier[-WINDOW:]
    relative = how.relative and bool(min(value, *window) > 0)
    scaled = np.array([*window, value], np.float64)
    scaled = np.log(scaled) if relative else scaled
    used = _since_change(scaled[:-1], relative=relative)
    found = _Place(used, float(scaled[-1]), 1.0 if how.higher_is_worse else -1.0, relative)
    reach = _reach(found, how)
    half = reach.half
    return Prediction(
        judgement=_judge(found, half, how),
        n=len(used),
        change=found.unscaled_size(found.new - found.middle),
        relative=relative,
        middle=found.unscaled(found.middle),
        low=None if half is None else found.unscaled(found.middle - half),
        high=None if half is None else found.unscaled(found.middle + half),
        as_bad=found.as_bad,
        passed_over=len(window) - len(used),
        basis=reach.basis,
        detectable=None if half is None else found.unscaled_size(half + float(ndtri(_POWER)) * reach.spread),
    )


def allow_for_processes(found: Prediction, as_bad: int, processes: int) -> Prediction:
    """Return the judgement given the single processes of the earlier runs: WORSE becomes SUSPECT if many were as bad.

    A mode that a few processes fall into rarely shows in the median of a run, but once two of three processes do, the
    run looks changed. Up to 2 % of the processes, rounded up, may be as bad as the new figure: a change of two and a
    half standard deviations of processes is still found.

    Args:
        found: the judgement by the runs' figures.
        as_bad: processes of the earlier runs that are at least as bad as the new figure.
        processes: all processes of the earlier runs.
    """
    if found.judgement is not Judgement.WORSE or as_bad <= math.ceil(_PROCESSES_AS_BAD * processes):
        return found
    return replace(found, judgement=Judgement.SUSPECT)


@dataclass(frozen=True, slots=True)
class _Place:
    """A new figure among the earlier ones, on the scale of the judgement; ``sign`` is 1 if higher is worse."""

    earlier: NDArray[np.float64]
    new: float
    sign: float
    relative: bool

    @property
    def middle(self) -> float:
        return float(np.median(self.earlier))

    @property
    def worsening(self) -> float:
        """By how much the new figure is worse than the middle."""
        return self.sign * (self.new - self.middle)

    @property
    def as_bad(self) -> int:
        return int(np.sum(self.sign * (self.earlier - self.new) >= 0))

    @property
    def as_good(self) -> int:
        return int(np.sum(self.sign * (self.earlier - self.new) <= 0))

    def unscaled(self, value: float) -> float:
        return math.exp(min(value, MAX_EXPONENT)) if self.relative else value

    def unscaled_size(self, size: float) -> float:
        """Return a size on the scale of the judgement as a fraction, or in the metric's unit."""
        return math.expm1(min(size, MAX_EXPONENT)) if self.relative else size

    def scaled_size(self, size: float) -> float:
        """Return a size in the metric's unit on the scale of the judgement."""
        return math.log1p(size / self.unscaled(self.middle)) if self.relative else size

    def scaled_fraction(self, fraction: float) -> float:
        return math.log1p(fraction) if self.relative else fraction * abs(self.middle)


def _since_change(values: NDArray[np.float64], *, relative: bool) -> NDArray[np.float64]:
    """Return the values after the last change of level, or all of them if those are too few."""
    if not relative or len(values) < LEAST + FEWEST_RUNS:
        return values
    last = max(changes(np.exp(values - values.max()).tolist()), default=0)
    return values[last:] if len(values) - last >= FEWEST_RUNS else values


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far the interval reaches to each side, None without one; the spread of a new figure; where both come from."""

    half: float | None = None
    spread: float = 0.0
    basis: Basis = Basis.NONE


def _reach(found: _Place, how: Figures) -> _Reach:
    n, tail = len(found.earlier), LEVEL / max(1, how.comparisons)
    if how.exact and float(np.ptp(found.earlier)) <= found.scaled_fraction(_ROUNDING):
        return _Reach(found.scaled_fraction(_ROUNDING), basis=Basis.EXACT)
    # Figures in whole units, or of a still machine, can be equal: the scale is then the instrument's, or 0.1 %.
    least = max(found.scaled_size(how.resolution), found.scaled_fraction(_SMALLEST_SCALE))
    if n >= FEWEST_RUNS:
        spread = max(qn_scale(found.earlier), least) * math.sqrt(1 + math.pi / (2 * n))
        return _Reach(float(stdtrit(_FREEDOM * (n - 1), 1 - tail)) * spread, spread, Basis.RUNS)
    if how.spread is None or not found.relative:
        return _Reach()
    spread = max(how.spread, least)
    return _Reach(float(ndtri(1 - tail)) * spread, spread, Basis.FLOOR)


def _judge(found: _Place, half: float | None, how: Figures) -> Judgement:
    if half is None:
        return Judgement.UNKNOWN
    strict = half + found.scaled_fraction(how.margin)
    if found.worsening > half and found.as_bad <= math.ceil(_AS_BAD * len(found.earlier)):
        return Judgement.WORSE if found.worsening > strict and found.as_bad == 0 else Judgement.SUSPECT
    is_better = -found.worsening > (half if how.exact else strict) and found.as_good == 0
    return Judgement.BETTER if is_better else Judgement.OK
