"""The shift from one set of runs to another: Hodges-Lehmann estimates with exact intervals. Pure functions.

Separate runs and pairs are the same problem. Each has *contrasts*, numbers that scatter around the true shift (all
differences ``b - a``; all means of two paired differences). The probability that at least ``k`` of them exceed it is
known exactly for any distribution: from Mann and Whitney's U, and from Wilcoxon's signed ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr, stdtrit

from inference_bench.analysis.mann_whitney import lower_tail
from inference_bench.analysis.quantiles import LEVEL, tail_of

Floats = NDArray[np.float64]

POWER = 0.8
"""Probability of detecting a shift of the smallest effect."""
RANKS_REACH = 0.001
"""Smallest one-sided p that makes ranks useful: at 5 % it allows some 25 comparisons."""
FEWEST_SEPARATE = 3
"""Runs of each side below which a spread is hardly known."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift from one set of values to another.

    Attributes:
        contrasts: ascending, shape (N,).
        tail: ``tail[k]`` is the probability that at least ``k`` contrasts exceed the true shift, shape (N + 1,); for
            many separate runs not below ``mann_whitney.ROUNDING``.
        error: standard error of a mean shift, for planning only.
        freedom: degrees of freedom of ``error``.
        method: for people.
    """

    contrasts: Floats
    tail: Floats
    error: float
    freedom: float
    method: str

    @property
    def value(self) -> float:
        """The Hodges-Lehmann estimate."""
        return float(np.median(self.contrasts))

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Return both ends, or None if the values are too few for this level."""
        allowed = np.flatnonzero(self.tail <= tail_of(level))
        if len(allowed) == 0:
            return None
        outside = len(self.contrasts) - int(allowed[0])
        return float(self.contrasts[outside]), float(self.contrasts[-1 - outside])

    def p_above(self, shift: float) -> float:
        """Return the one-sided p of the claim that the true shift is larger than this."""
        return float(self.tail[np.count_nonzero(self.contrasts > shift)])

    def p_below(self, shift: float) -> float:
        """Return the one-sided p of the claim that the true shift is smaller than this."""
        return float(self.tail[np.count_nonzero(self.contrasts < shift)])


@dataclass(frozen=True, slots=True)
class MeanShift:
    """The shift of a mean: of the scores of items that both sides answered, of a few runs, or of machines.

    Attributes:
        value: mean difference.
        error: its standard error.
        freedom: degrees of freedom.
        rises: items that went from 0 to 1, if every score is 0 or 1; else None.
        falls: items that went from 1 to 0.
        method: for people.
    """

    value: float
    error: float
    freedom: float
    rises: int | None
    falls: int | None
    method: str

    @property
    def flipped(self) -> int | None:
        """Items that went from 0 to 1 or back, if every score is 0 or 1; else None."""
        return None if self.rises is None or self.falls is None else self.rises + self.falls

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Return both ends, or None for a single item."""
        if self.freedom < 1:
            return None
        reach = float(stdtrit(self.freedom, (1 + level) / 2)) * self.error
        return self.value - reach, self.value + reach

    def p_above(self, shift: float) -> float:
        """Return the one-sided p of the claim that the true shift is larger than this."""
        return max(self._student(self.value - shift), self._mcnemar(self.rises) if shift >= 0 else 0.0)

    def p_below(self, shift: float) -> float:
        """Return the one-sided p of the claim that the true shift is smaller than this."""
        return max(self._student(shift - self.value), self._mcnemar(self.falls) if shift <= 0 else 0.0)

    def _student(self, distance: float) -> float:
        if self.freedom < 1:
            return 1.0
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stdtr(self.freedom, -distance / self.error))

    def _mcnemar(self, changes: int | None) -> float:
        """Return the p of McNemar's exact test: without a difference, half of the items that changed have risen."""
        if changes is None or self.rises is None or self.falls is None:
            return 0.0
        changed = self.rises + self.falls
        # As many rises or more are, with even odds, as likely as that many falls or fewer.
        return float(bdtr(changed - changes, changed, 0.5)) if changed else 1.0


def separate_shift(before: Floats, after: Floats) -> Shift:
    """Return the shift between independent values (Hodges and Lehmann, 1963).

    Args:
        before: shape (m,), at least one.
        after: shape (n,), at least one.
    """
    m, n = len(before), len(after)
    parts = [(float(np.var(side, ddof=1)) / len(side), len(side)) for side in (before, after) if len(side) > 1]
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / (size - 1) for part, size in parts)
    return Shift(
        contrasts=np.sort(np.subtract.outer(after, before), axis=None),
        tail=lower_tail(m, n)[::-1],
        error=math.sqrt(variance) if m > 1 and n > 1 else math.inf,
        freedom=variance**2 / spread if spread > 0 else float(max(1, m + n - 2)),  # Welch and Satterthwaite
        method="Hodges-Lehmann shift of run medians, exact interval (Mann-Whitney)",
    )


def few_runs_shift(before: Floats, after: Floats, resolution: float = 0.0) -> MeanShift | Shift:
    """Return the shift between independent values by Welch's test where they are too few for ranks.

    Ranks of three against three reach no p below 1/20, whatever the values. Welch's t (1947) reaches any, and assumes
    that values (logarithms of run medians) are normal. Ranks take over where their smallest p is at most
    ``RANKS_REACH``: from 7 of each side on.

    Args:
        before: shape (m,), at least one.
        after: shape (n,), at least one.
        resolution: smallest difference that the instruments can tell; its rounding error counts as spread, since equal
            values are not certain ones.
    """
    shift = separate_shift(before, after)
    m, n = len(before), len(after)
    if min(m, n) < FEWEST_SEPARATE or 1 / math.comb(m + n, n) <= RANKS_REACH:
        return shift
    rounding = resolution**2 / 12 * (1 / m + 1 / n)
    return MeanShift(
        value=float(after.mean() - before.mean()),
        error=math.hypot(shift.error, math.sqrt(rounding)),
        freedom=shift.freedom,
        rises=None,
        falls=None,
        method="difference of mean run medians, Welch's t (too few runs for ranks)",
    )


def paired_shift(differences: Floats) -> Shift:
    """Return the shift of pairs, from their differences (Hodges and Lehmann, 1963; Tukey, 1949).

    Args:
        differences: shape (n,), at least one.
    """
    n = len(differences)
    first, second = np.triu_indices(n)
    return Shift(
        contrasts=np.sort((differences[first] + differences[second]) / 2),
        tail=_upper_sums(_signed_rank(n)),
        error=float(differences.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf,
        freedom=float(max(1, n - 1)),
        method="Hodges-Lehmann shift of interleaved pairs, exact interval (Wilcoxon signed ranks)",
    )


def score_shift(before: Floats, after: Floats, weights: Floats) -> MeanShift:
    """Return the shift of the weighted mean score over the same items.

    Args:
        before: shape (n,), at least one.
        after: shape (n,), of the same items.
        weights: shape (n,), positive.
    """
    n, total = len(before), float(weights.sum())
    differences = after - before
    value = float((weights * differences).sum()) / total
    residuals = weights * (differences - value)
    error = math.sqrt(n / (n - 1) * float((residuals**2).sum())) / total if n > 1 else math.inf
    whole = bool(np.isin(before, (0, 1)).all() and np.isin(after, (0, 1)).all())
    return MeanShift(
        value=value,
        error=error,
        freedom=float(n - 1),
        rises=int((differences > 0).sum()) if whole else None,
        falls=int((differences < 0).sum()) if whole else None,
        method="paired items, Student's t" + (" and McNemar's exact test" if whole else ""),
    )


def needed_runs(level: float, *, paired: bool, in_rounds: bool = False) -> int:
    """Return how many runs of each side, or pairs, an interval of this level needs at least.

    >>> needed_runs(0.95, paired=False), needed_runs(0.95, paired=True)
    (4, 6)
    """
    if in_rounds and not paired:
        return FEWEST_SEPARATE
    n = 1
    while (2.0**-n if paired else 1 / math.comb(2 * n, n)) > tail_of(level):
        n += 1
    return n


def smallest_effect(shift: Shift | MeanShift, level: float = LEVEL) -> float | None:
    """Return the true shift that is detected with probability ``POWER``; None if the spread is unknown.

    Planned with Student's t; the rank tests have a few per cent less power at most.
    """
    if not math.isfinite(shift.error) or shift.freedom < 1:
        return None
    return float(stdtrit(shift.freedom, (1 + level) / 2) + stdtrit(shift.freedom, POWER)) * shift.error


def _upper_sums(mass: Floats) -> Floats:
    """Return the sums of each entry and all later ones."""
    return np.minimum(np.cumsum(mass[::-1])[::-1], 1.0)


@lru_cache(maxsize=256)
def _signed_rank(n: int) -> Floats:
    """Return the probability of each sum of signed ranks, if each of 1 … n counts with probability 1/2."""
    mass = np.ones(1)
    for rank in range(1, n + 1):
        mass = (np.pad(mass, (0, rank)) + np.pad(mass, (rank, 0))) / 2
    return mass
