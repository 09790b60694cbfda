"""Bounds of the offset between two clocks, with offsets and drifts that the test plants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint.clock_offset import RoundTrip, ServerClock
from inference_bench.errors import EndpointError

SECOND = 10**9
legs = st.integers(0, 10 * SECOND)
offsets = st.integers(-(10**17), 10**17)


@st.composite
def planted(draw, most_ppm=100):
    """Draw a clock that is ahead by an offset and drifts, and round trips that read it."""
    offset, ppm = draw(offsets), draw(st.integers(-most_ppm, most_ppm))

    def ahead(instant):
        return offset + instant * ppm // 1_000_000

    trips = []
    for start, out, inside, back in draw(st.lists(st.tuples(legs, legs, legs, legs), min_size=1, max_size=20)):
        received, replied = start + out, start + out + inside
        server = (received + ahead(received), replied + ahead(replied))
        trips.append(RoundTrip(start, *server, replied + back))
    return ahead, trips


@given(planted(), st.lists(st.integers(-SECOND, 50 * SECOND), min_size=1, max_size=20))
def test_the_planted_offset_lies_within_the_bounds(clock, instants):
    ahead, trips = clock

    found = ServerClock(trips).at(instants)

    for at, low, high, value, uncertainty in zip(
        instants, found.low_ns, found.high_ns, found.value_ns, found.uncertainty_ns, strict=True
    ):
        assert low - 1 <= ahead(at) <= high + 1  # 1 ns: the drift is rounded
        assert abs(ahead(at) - value) <= uncertainty + 1


@given(planted(most_ppm=0))
def test_without_drift_the_bounds_are_those_of_the_narrowest_messages(clock):
    ahead, trips = clock
    there = min(trip.received_ns - trip.sent_ns for trip in trips)
    back = max(trip.replied_ns - trip.returned_ns for trip in trips)

    found = ServerClock(trips, most_drift_ppm=0).at([0])

    assert (found.low_ns[0], found.high_ns[0]) == (back, there)
    assert back <= ahead(0) <= there


@given(planted(most_ppm=0), planted(most_ppm=0))
def test_more_readings_never_widen_the_bounds(clock, other):
    (ahead, trips), (_, shape) = clock, other
    more = [
        RoundTrip(trip.sent_ns, trip.sent_ns + ahead(0), trip.sent_ns + ahead(0) + 5, trip.returned_ns + 10)
        for trip in shape
        if trip.returned_ns + 10 >= trip.sent_ns + 5
    ]

    few, many = ServerClock(trips).at([SECOND]), ServerClock([*trips, *more]).at([SECOND])

    assert few.low_ns[0] <= many.low_ns[0] <= many.high_ns[0] <= few.high_ns[0]


@given(planted(), st.integers(0, 1_000_000))
def test_a_message_never_takes_less_than_nothing(clock, seed):
    """By the middle of the bounds at its own instants, each way of each trip is at least 0."""
    _, trips = clock
    found = ServerClock(trips)
    there, back = found.at([trip.sent_ns for trip in trips]), found.at([trip.returned_ns for trip in trips])

    for trip, ahead, behind in zip(trips, there.value_ns, back.value_ns, strict=True):
        assert trip.received_ns - ahead >= trip.sent_ns - 1
        assert trip.replied_ns - behind <= trip.returned_ns + 1


def test_far_from_every_reading_the_bounds_are_wider_by_the_drift():
    clock = ServerClock([RoundTrip(0, 5, 5, 10)], most_drift_ppm=100)

    near, far = clock.at([0, 10]), clock.at([SECOND + 10])

    assert (near.low_ns[1], near.high_ns[0]) == (-5, 5)
    assert far.uncertainty_ns[0] == pytest.approx(100_005, abs=1)


def test_bounds_that_contradict_are_refused():
    stepped = [RoundTrip(0, 5, 5, 10), RoundTrip(100, 5_000, 5_000, 110)]

    with pytest.raises(EndpointError, match=r"contradict by 4,8\d\d ns, expected a drift of at most 100 ppm") as raised:
        ServerClock(stepped).at([50])
    assert "\n" not in str(raised.value)


def test_without_readings_it_is_our_own_clock():
    clock = ServerClock([])

    assert clock.is_ours
    assert clock.at([1, 2]).value_ns.tolist() == clock.at([1, 2]).uncertainty_ns.tolist() == [0, 0]
    assert np.issubdtype(clock.at([1]).value_ns.dtype, np.int64)
