"""How far the clock of a server is ahead of the client's, as bounds that hold whatever the network did. Pure functions.

A message arrives after it was sent: so the server's reading when it received one bounds the offset from above, and its
reading when it replied bounds it from below. Of many exchanges the narrowest bounds count. (F. Cristian, "Probabilistic
clock synchronization", Distributed Computing 3, 1989; the intersection of intervals is Marzullo's, in NTP: RFC 5905,
11.2.1.) Between exchanges the bounds widen with the largest rate at which the two clocks may drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inference_bench.endpoint.received import Column
from inference_bench.errors import EndpointError

MOST_DRIFT_PPM = 100
"""Two crystals of 50 ppm each, the usual tolerance; NTP assumes 15 ppm for a clock that it steers (RFC 5905, PHI)."""

_PPM = 1_000_000


class RoundTrip(NamedTuple):
    """A request and its reply; the outer times are the client's, the inner ones the server's, all in ns."""

    sent_ns: int
    received_ns: int
    replied_ns: int
    returned_ns: int


class Offsets(NamedTuple):
    """Bounds of the server's clock minus the client's, ns, each of shape (instants,)."""

    low_ns: Column
    high_ns: Column

    @property
    def value_ns(self) -> Column:
        """The middle between the bounds."""
        return (self.low_ns + self.high_ns) // 2

    @property
    def uncertainty_ns(self) -> Column:
        """The farthest that the offset can lie from the middle."""
        return self.high_ns - self.value_ns


class ServerClock:
    """The offset of a server's clock at any instant, from round trips.

    Args:
        trips: in any order; none if both read one clock.
        most_drift_ppm: the most by which the clocks drift apart, in parts per million.
    """

    def __init__(self, trips: Sequence[RoundTrip], most_drift_ppm: int = MOST_DRIFT_PPM) -> None:
        columns = np.array(trips, np.int64).reshape(-1, 4).T
        self._sent_ns, received_ns, replied_ns, self._returned_ns = columns
        self._highs_ns = received_ns - self._sent_ns
        self._lows_ns = replied_ns - self._returned_ns
        self._drift_ppm = most_drift_ppm

    @property
    def is_ours(self) -> bool:
        """Whether it is the client's own clock."""
        return not len(self._sent_ns)

    def at(self, instants_ns: Sequence[int] | Column) -> Offsets:
        """Return the offsets at instants of the client, exact to 1 ns, which is the rounding of the drift.

        Raises:
            EndpointError: the bounds contradict each other: a clock stepped, or drifts more than assumed.
        """
        at = np.asarray(instants_ns, np.int64)
        if self.is_ours:
            return Offsets(np.zeros_like(at), np.zeros_like(at))
        low = _highest(self._returned_ns, self._lows_ns, at, self._drift_ppm)
        high = -_highest(self._sent_ns, -self._highs_ns, at, self._drift_ppm)
        gap = int((low - high).max(initial=0))
        if gap > 1:
            raise EndpointError(
                f"clocks of client and server: got bounds of their offset that contradict by {gap:,} ns, expected a "
                f"drift of at most {self._drift_ppm} ppm and no step. Measure again, for a shorter time."
            )
        return Offsets(np.minimum(low, high), high)


def _highest(known_ns: Column, bounds_ns: Column, at_ns: Column, drift_ppm: int) -> Column:
    """Return for each instant the highest of all lower bounds, each lowered by the drift since its own instant."""
    order = np.argsort(known_ns, kind="stable")
    known, bounds = known_ns[order], bounds_ns[order]
    drift, drift_at = known * drift_ppm // _PPM, at_ns * drift_ppm // _PPM  # since 0, so that only differences count
    lowest = np.iinfo(np.int64).min // 2
    earlier = np.concatenate([[lowest], np.maximum.accumulate(bounds + drift)])
    later = np.concatenate([np.maximum.accumulate((bounds - drift)[::-1])[::-1], [lowest]])
    from_earlier = earlier[np.searchsorted(known, at_ns, "right")] - drift_at
    from_later = later[np.searchsorted(known, at_ns, "left")] + drift_at
    highest: Column = np.maximum(from_earlier, from_later)
    return highest
