"""Whether more and more requests were in flight: a load above what the server can carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_bench.analysis.estimates import inversions

_PARTS = 8
_LEVEL = 0.01
"""Probability that numbers in random order rise as clearly as those of a queue that is called growing."""


@dataclass(frozen=True, slots=True)
class QueueGrowth:
    """The least number of requests in flight, in the first and in the last eighth of the time of sending."""

    first: int
    last: int

    def __str__(self) -> str:
        return (
            f"the queue grew from {self.first} to {self.last} requests in flight: the server cannot carry the rate, "
            "and the figures depend on the length of the load"
        )


def queue_growth(planned_ns: NDArray[np.int64], ended_ns: NDArray[np.int64]) -> QueueGrowth | None:
    """Return how the queue of one load grew; None if it did not.

    The time of sending is cut into eight equal parts. A queue that the server can carry drains now and then, so the
    least number in flight stays near its first value; one that it cannot carry rises from part to part. The test is
    Kendall's with its exact distribution at 1 % (Kendall 1938); equal numbers count against growth.

    Args:
        planned_ns: when each request should be sent, ascending, shape (n,).
        ended_ns: when it was complete, shape (n,).
    """
    least = _least_in_flight(planned_ns, ended_ns)
    if least is None:
        return None
    earlier, later = np.triu_indices(_PARTS, 1)
    not_rising = int(np.count_nonzero(least[later] <= least[earlier]))
    if float(np.cumsum(inversions(_PARTS))[not_rising]) > _LEVEL:
        return None
    return QueueGrowth(int(least[0]), int(least[-1]))


def _least_in_flight(planned_ns: NDArray[np.int64], ended_ns: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the least number that a new request finds in flight, itself included, per part; None if a part is empty.

    A part without a request tells nothing; with fewer requests than eight, or all sent at once, there is no trend.
    """
    spread_ns = int(planned_ns[-1] - planned_ns[0]) if len(planned_ns) else 0
    if spread_ns <= 0:
        return None
    in_flight = np.arange(1, len(planned_ns) + 1) - np.searchsorted(np.sort(ended_ns), planned_ns, "right")
    part = np.minimum(_PARTS - 1, (planned_ns - planned_ns[0]) * _PARTS // spread_ns)
    least = np.full(_PARTS, np.iinfo(np.int64).max)
    np.minimum.at(least, part, in_flight)
    return None if (np.bincount(part, minlength=_PARTS) == 0).any() else least
