"""Bounds at 95 % on the share of good requests, from those that were measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from inference_bench.analysis.dependence import Dependence, batches_of, dependence, efficiency

LEVEL = 0.95
"""Confidence of each bound by itself: a PASS is wrong in at most 5 % of cases, and so is a FAIL."""

_SLOWEST = 0.9
"""Requests beyond this quantile count as slow where dependence is estimated."""

_MOST_REQUESTS = 100_000_000


def least_share(good: float, n: float, level: float = LEVEL) -> float:
    """Return the lower Clopper-Pearson bound of the share of good requests (Clopper and Pearson 1934).

    Args:
        good: number of good requests; not whole if dependent requests count for fewer.
        n: number of requests.
        level: confidence of this bound by itself.
    """
    return float(betaincinv(good, n - good + 1, 1 - level)) if good > 0 else 0.0


def most_share(good: float, n: float, level: float = LEVEL) -> float:
    """Return the upper Clopper-Pearson bound of the share of good requests; arguments as for ``least_share``."""
    return float(betaincinv(good + 1, n - good, level)) if good < n else 1.0


def needed_requests(share: float, bad: float = 0.0, level: float = LEVEL) -> int | None:
    """Return how many independent requests show that this share is good.

    >>> needed_requests(0.99), needed_requests(0.95), needed_requests(0.999)
    (299, 59, 2995)

    Args:
        share: of requests that must be good.
        bad: share of the measured requests that is bad.
        level: confidence of the bound.

    Returns:
        The smallest number; None if no reasonable number is enough, because as many are bad as may be.
    """
    if bad == 0:
        return math.ceil(math.log(1 - level) / math.log(share) - 1e-9)
    if bad >= 1 - share:
        return None
    n = 1
    while least_share(n * (1 - bad), n, level) < share:
        n = math.ceil(n * 1.1)
        if n > _MOST_REQUESTS:
            return None
    return n


def worth(bad: Sequence[NDArray[np.bool_]], figures: Sequence[NDArray[np.float64]], level: float = LEVEL) -> float:
    """Return how many independent requests one request is worth, at most 1.

    Slow requests come in bursts while a queue is long, and processes differ, so the number of bad requests varies more
    than that of independent ones. Its variance is estimated by batch means: within runs between batches of consecutive
    requests, and between runs. The larger variance counts. The binomial bounds are then those of as many independent
    requests as have this variance (Korn and Graubard 1998). While hardly any request is bad, the slowest tenth shows
    how much they cluster.

    Args:
        bad: one array per run, in the order of planned times.
        figures: what the requests are judged by, in the same order; a failed one is infinite.
        level: confidence of the bound to be made.
    """
    two_sided = 2 * level - 1
    found = [dependence(run) for run in figures]
    cut = float(np.quantile(np.concatenate(figures), _SLOWEST, method="inverted_cdf"))
    slow = [run > cut for run in figures]
    return min(_within_runs(bad, found, two_sided), _within_runs(slow, found, two_sided), _between_runs(bad, two_sided))


def _within_runs(flags: Sequence[NDArray[np.bool_]], found: Sequence[Dependence], level: float) -> float:
    """Return what a request is worth given the variance between batches of consecutive requests."""
    sums: list[NDArray[np.float64]] = []
    n = 0
    for run, of_run in zip(flags, found, strict=True):
        batches = batches_of(run - run.mean(), of_run.batch)
        sums.append(batches.sum(axis=1))
        n += batches.size
    remaining = float(np.mean([of_run.remaining for of_run in found]))
    if all(of_run.batch == 1 for of_run in found) and remaining == 0:
        return 1.0
    share = float(np.concatenate(flags).mean())
    # What batching could not remove is treated as a first-order autoregression between the batches.
    return efficiency(np.concatenate(sums), n, share, level) * (1 - remaining) / (1 + remaining)


def _between_runs(flags: Sequence[NDArray[np.bool_]], level: float) -> float:
    """Return what a request is worth given the variance between runs; 1 for a single run."""
    if len(flags) < 2:
        return 1.0
    pooled = np.concatenate(flags)
    share = float(pooled.mean())
    sums = np.array([run.sum() - share * len(run) for run in flags])
    return efficiency(sums, len(pooled), share, level)
