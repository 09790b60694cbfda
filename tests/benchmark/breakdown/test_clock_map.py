"""Times of another clock become ours, and the most by which they may be off is known."""

from __future__ import annotations

from inference_bench.benchmark.breakdown.clock_map import Anchor, ClockMap

OFFSET_NS = 5_000_000


def anchor(other_ns, *, before_ns, after_ns, offset_ns=OFFSET_NS, lasts_ns=10):
    begin_ns = other_ns + offset_ns - before_ns
    return Anchor(begin_ns, other_ns + lasts_ns + offset_ns + after_ns, other_ns, other_ns + lasts_ns)


def test_the_narrowest_bounds_of_all_anchors_give_the_offset():
    first = [anchor(1_000, before_ns=4, after_ns=900), anchor(2_000, before_ns=700, after_ns=4)]
    last = [anchor(9_000, before_ns=4, after_ns=4)]

    clock = ClockMap(first, last)

    assert clock.ours(5_000) == 5_000 + OFFSET_NS
    assert clock.uncertainty_ns == 5


def test_a_wide_anchor_is_as_uncertain_as_it_is_wide():
    wide = [anchor(1_000, before_ns=300, after_ns=500)]

    clock = ClockMap(wide, wide)

    assert clock.uncertainty_ns == 401
    assert abs(clock.ours(1_000) - 1_000 - OFFSET_NS) <= clock.uncertainty_ns


def test_a_clock_that_runs_slower_is_followed_between_the_anchors():
    first = [anchor(0, before_ns=1, after_ns=1)]
    last = [anchor(1_000_000, before_ns=1, after_ns=1, offset_ns=OFFSET_NS + 100)]

    clock = ClockMap(first, last)

    assert [clock.ours(time) - time - OFFSET_NS for time in (0, 500_000, 1_000_000)] == [0, 50, 100]
