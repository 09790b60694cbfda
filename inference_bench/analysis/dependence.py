"""How far samples in order of time depend on their neighbours, and how many independent ones they are worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from inference_bench.analysis.quantiles import LEVEL, Values, quantile

DEPENDENT = 0.1
"""Samples with a lag-1 autocorrelation above this are treated as dependent."""
MIN_BATCHES = 20
"""With fewer batches, the estimate of their variance is too poor."""

_SIGNIFICANT = 1.645
"""Standard errors that a lag-1 autocorrelation exceeds by chance in 5 % of independent series (Bartlett, 1946)."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The dependence of samples in order of time.

    Attributes:
        autocorrelation: lag-1, of the ranks: a single spike of a hundred times the median would hide the dependence
            between the values themselves. None under 3 samples, 0 for constant ones.
        batch: consecutive samples per batch, a power of two; 1 if the samples are independent.
        remaining: lag-1 autocorrelation between batches; above 0 only if no batch size removes it.
    """

    autocorrelation: float | None
    batch: int
    remaining: float


def dependence(values: Values) -> Dependence:
    """Return the smallest batch whose mean ranks are independent, or the largest that leaves ``MIN_BATCHES``.

    Only a positive autocorrelation counts: a negative one makes an interval wider than necessary, not too narrow.
    Samples too few for batches estimate it with an error of ``1/sqrt(n)``, so there it counts only if it is
    significant; otherwise a third of the intervals of a dozen independent samples would be lost.
    """
    n = len(values)
    if n < 3:
        return Dependence(None, 1, 0.0)
    ranks = midranks(values)
    autocorrelation = remaining = lag1(ranks)
    batch = 1
    if n < 2 * MIN_BATCHES and autocorrelation * math.sqrt(n) <= _SIGNIFICANT:
        return Dependence(autocorrelation, 1, 0.0)
    while remaining > DEPENDENT and n // (2 * batch) >= MIN_BATCHES:
        batch *= 2
        remaining = lag1(batches_of(ranks, batch).mean(axis=1))
    return Dependence(autocorrelation, batch, remaining if remaining > DEPENDENT else 0.0)


def effective_sample_size(values: Values, p: float = 0.5, level: float = LEVEL) -> float:
    """Return how many independent samples these are worth for the interval of the ``p`` quantile.

    Args:
        values: at least one, in order of time.
        p: probability of the quantile; the tail depends less on its neighbours than the median does.
        level: confidence level of the interval to be made, for the discount on few batches.
    """
    return worth_of(values, quantile(np.sort(values), p), dependence(values), level)


def worth_of(values: Values, cut: float, found: Dependence, level: float) -> float:
    """Return how many independent samples these are worth for the quantile estimated as ``cut``.

    Args:
        values: at least one, in order of time.
        cut: the estimate of the quantile.
        found: the dependence of ``values``.
        level: confidence level of the interval to be made.
    """
    if found.batch == 1 and found.remaining == 0:
        return float(len(values))
    below = (values <= cut).astype(np.float64)
    batches = batches_of(below - below.mean(), found.batch)
    share = efficiency(batches.sum(axis=1), batches.size, float(below.mean()), level)
    # What batching could not remove is treated as a first-order autoregression between the batches.
    return max(1.0, len(values) * share * (1 - found.remaining) / (1 + found.remaining))


def efficiency(sums: NDArray[np.float64], n: int, share: float, level: float) -> float:
    """Return how many independent samples one sample is worth to a quantile, by the method of batch means.

    The variance between batches of the share of samples below the quantile, over the variance that independent samples
    would show; times the square of Student's t over the normal quantile, because a variance from few batches is
    itself uncertain.

    Args:
        sums: one per batch: samples at or below the quantile, less ``share`` of the batch.
        n: samples in all batches.
        share: share of all samples that are at or below the quantile.
        level: confidence level.
    """
    independent = n * share * (1 - share)
    if independent == 0:
        return 1.0
    count = len(sums)
    inflation = float(sums @ sums) * count / (count - 1) / independent
    upper = (1 + level) / 2
    discount = float(stdtrit(count - 1, upper) / ndtri(upper)) ** 2
    return 1 / max(1.0, inflation * discount)


def midranks(values: Values) -> NDArray[np.float64]:
    """Return ranks from 0; equal values share the middle one, since ranks in order of time would add a trend."""
    n = len(values)
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(first, append=n)
    ranks = np.empty(n)
    ranks[order] = np.repeat(first + (counts - 1) / 2, counts)
    return ranks


def lag1(series: NDArray[np.float64]) -> float:
    """Return the lag-1 autocorrelation; 0 for a constant series."""
    centred = series - series.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if total > 0 else 0.0


def batches_of(series: NDArray[np.float64], batch: int) -> NDArray[np.float64]:
    """Return the whole batches of a series, shape (batches, batch)."""
    count = len(series) // batch
    return series[: count * batch].reshape(count, batch)
