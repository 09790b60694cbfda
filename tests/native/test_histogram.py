from __future__ import annotations

import base64
import contextlib
import math
import os
import struct
import threading
import zlib
from collections import Counter as Multiset
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench import _native
from inference_bench._native import Histogram, HistogramCounts

INT64_MAX = 2**63 - 1
DEFAULT_HIGHEST = 2**40 - 1

bits = st.sampled_from([7, 10])
# Powers of two are where buckets change their width; 2^63 is where int64 ends.
near_powers = st.builds(lambda k, d: 2**k + d, st.integers(0, 64), st.integers(-2, 2))
values = st.one_of(near_powers, st.integers(-5, 5000), st.integers(-(2**70), 2**70))
highest_values = st.one_of(near_powers, st.integers(2, INT64_MAX)).filter(lambda h: 2 <= h <= INT64_MAX)
percents = st.one_of(st.sampled_from([0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0]), st.floats(0, 100))


class Model:
    """The same in plain Python: keeps every value."""

    def __init__(self, bits: int, highest: int) -> None:
        self.bits = bits
        self.highest = 2 ** max(bits + 1, highest.bit_length()) - 1
        self.values: list[int] = []

    def bucket(self, value: int) -> tuple[int | None, int | None]:
        if value < 0:
            return None, -1
        if value > self.highest:
            return self.highest + 1, None
        width = 2 ** max(0, value.bit_length() - 1 - self.bits)
        lowest = value // width * width
        return lowest, lowest + width - 1

    def percentile(self, percent: float) -> tuple[int | None, int | None] | None:
        if not self.values:
            return None
        rank = math.ceil(Fraction(math.nextafter(percent, 0)) * len(self.values) / 100)
        return self.bucket(sorted(self.values)[max(rank, 1) - 1])

    def in_range(self) -> list[int]:
        return [v for v in self.values if 0 <= v <= self.highest]


def assert_same(counts: HistogramCounts, model: Model) -> None:
    inside = model.in_range()
    assert (counts.bits, counts.highest_ns) == (model.bits, model.highest)
    assert counts.underflow == sum(v < 0 for v in model.values)
    assert counts.overflow == sum(v > model.highest for v in model.values)
    assert (counts.in_range, counts.total) == (len(inside), len(model.values))
    assert counts.sum_ns == min(sum(inside), INT64_MAX)
    recorded = {low: n for low, n in zip(counts.lowest_ns, counts.counts, strict=True) if n}
    assert recorded == Multiset(model.bucket(v)[0] for v in inside)


def filled(bits: int, highest: int, given_values: list[int]) -> tuple[Histogram, Model]:
    histogram, model = Histogram(bits, highest), Model(bits, highest)
    for value in given_values:
        histogram.observe_ns(value)
        model.values.append(value)
    return histogram, model


# ---- recording


@given(bits, highest_values, st.lists(values))
def test_counts_agree_with_a_list_of_values(bits: int, highest: int, given_values: list[int]) -> None:
    histogram, model = filled(bits, highest, given_values)
    assert_same(histogram.read(), model)


@given(bits, highest_values, st.lists(values, max_size=30), percents)
def test_a_percentile_is_the_bucket_of_the_ranked_value(
    bits: int, highest: int, given_values: list[int], percent: float
) -> None:
    histogram, model = filled(bits, highest, given_values)
    assert histogram.read().percentile(percent) == model.percentile(percent)


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 500), (90, 900), (99, 990), (99.9, 999), (100, 1000)])
def test_decimal_percentiles_mean_what_they_say(percent: float, expected: int) -> None:
    """99.9 as a double is a little more, and must not ask for the 1,000th of 1,000 values."""
    histogram = Histogram(10)
    for value in range(1, 1001):
        histogram.observe_ns(value)
    assert histogram.read().percentile(percent) == (expected, expected)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_seconds_are_rounded_to_nanoseconds(seconds: float) -> None:
    histogram = Histogram(10, INT64_MAX)
    histogram.observe(seconds)
    product = Fraction(seconds) * 10**9
    if seconds < 0:
        assert histogram.read().underflow == 1
    elif product >= 2**64:
        assert histogram.read().overflow == 1
    elif product < 2**50:
        assert abs((histogram.read().sum_ns or 0) - product) <= Fraction(1, 2) + product / 2**52


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, False, 1e-300])
def test_zero_is_in_range(zero: float) -> None:
    histogram = Histogram()
    histogram.observe(zero)
    assert histogram.read().percentile(50) == (0, 0)


def test_the_ends_of_int64() -> None:
    histogram = Histogram(7, INT64_MAX)
    for ns in (INT64_MAX, INT64_MAX + 1, 2**64, 10**400, -1, -(2**63), -(2**63) - 1, -(10**400)):
        histogram.observe_ns(ns)
    histogram.observe(9.3e9)
    counts = histogram.read()
    assert (counts.in_range, counts.overflow, counts.underflow) == (1, 4, 4)
    assert counts.highest_ns == INT64_MAX
    assert counts.percentile(50) == (2**63 - 2**55, INT64_MAX)
    assert counts.percentile(100) == (2**63, None)
    assert counts.percentile(0) == (None, -1)


def test_the_sum_saturates() -> None:
    histogram = Histogram(7, INT64_MAX)
    for _ in range(5):
        histogram.observe_ns(INT64_MAX)
        assert histogram.read().sum_ns == INT64_MAX
    histogram.take()
    histogram.observe_ns(7)
    assert histogram.read().sum_ns == 7


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_duration_that_is_no_number_is_refused(bad: float) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match=f"finite number of seconds; given {bad}"):
        histogram.observe(bad)
    assert histogram.read().total == 0


def test_what_is_no_number_at_all_is_refused() -> None:
    histogram = Histogram()
    with pytest.raises(TypeError, match="real number, not str"):
        histogram.observe("1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        histogram.observe_ns(1.0)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        histogram.observe(10**400)
    histogram.observe_ns(np.int64(5))
    histogram.observe(np.float32(0.5))
    assert histogram.read().sum_ns == 500_000_005


@pytest.mark.parametrize("arguments", [{"bits": 8}, {"bits": 2**70}, {"highest_ns": 1}, {"highest_ns": 2**63}])
def test_an_impossible_layout_is_refused(arguments: dict[str, int]) -> None:
    (name, value) = next(iter(arguments.items()))
    with pytest.raises(ValueError, match=rf"{name} must be .*; given {value}"):
        Histogram(**arguments)


# ---- taking


@given(st.lists(st.one_of(values, st.none())))
def test_every_value_lies_in_exactly_one_histogram_taken(steps: list[int | None]) -> None:
    """None in the list stands for a take."""
    histogram, model = Histogram(7), Model(7, DEFAULT_HIGHEST)
    for step in [*steps, None]:
        if step is None:
            assert_same(histogram.read(), model)
            assert_same(histogram.take(), model)
            model.values.clear()
        else:
            histogram.observe_ns(step)
            model.values.append(step)


def test_nothing_is_lost_or_doubled_while_writers_go_on() -> None:
    histogram, rounds, writers = Histogram(10), 20_000, 4
    done = threading.Event()
    taken: list[HistogramCounts] = []

    def write() -> None:
        for i in range(rounds):
            histogram.observe_ns(i)

    def take() -> None:
        while not done.is_set():
            taken.append(histogram.take())

    taker = threading.Thread(target=take)
    threads = [threading.Thread(target=write) for _ in range(writers)]
    taker.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    taker.join()
    total = histogram.take()
    for counts in taken:
        total += counts
    assert (total.in_range, total.sum_ns) == (writers * rounds, writers * sum(range(rounds)))
    assert histogram.read().total == 0


def test_a_forked_child_goes_on_with_its_own_copy() -> None:
    histogram = Histogram()
    histogram.observe_ns(5)
    pid = os.fork()
    if pid == 0:
        histogram.observe_ns(6)
        os._exit(0 if histogram.take().sum_ns == 11 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert histogram.read().sum_ns == 5


# ---- merging and converting


@given(bits, bits, st.lists(values), st.lists(values))
def test_merging_is_recording_all_into_the_coarser(a_bits: int, b_bits: int, a: list[int], b: list[int]) -> None:
    merged = filled(a_bits, DEFAULT_HIGHEST, a)[0].read() + filled(b_bits, DEFAULT_HIGHEST, b)[0].read()
    model = Model(min(a_bits, b_bits), DEFAULT_HIGHEST)
    model.values = a + b
    if sum(filled(7, DEFAULT_HIGHEST, a + b)[1].in_range()) <= INT64_MAX:
        assert_same(merged, model)


@given(st.lists(values), highest_values)
def test_converting_is_recording_into_the_coarser(given_values: list[int], highest: int) -> None:
    fine = filled(10, INT64_MAX, given_values)[0].read()
    coarse, model = filled(7, highest, given_values)
    converted = fine.converted(bits=7, highest_ns=highest)
    assert list(converted.counts) == list(coarse.read().counts)
    assert (converted.underflow, converted.overflow) == (coarse.read().underflow, coarse.read().overflow)
    lost = converted.overflow > fine.overflow
    assert converted.sum_ns == (None if lost else min(sum(model.in_range()), INT64_MAX))


def test_what_cannot_be_converted_exactly_is_refused() -> None:
    histogram = Histogram(7, 1000)
    with pytest.raises(ValueError, match="from 7 to 10 bits"):
        histogram.read().converted(bits=10)
    assert histogram.read().converted(highest_ns=2**20).highest_ns == 2**21 - 1
    histogram.observe_ns(5000)
    with pytest.raises(ValueError, match="cannot raise the highest value from 1023"):
        histogram.read().converted(highest_ns=2**20)
    with pytest.raises(ValueError, match="up to 1023 and 1099511627775"):
        histogram.read().merged(Histogram(7).read())
    with pytest.raises(ValueError, match="given 8"):
        histogram.read().converted(bits=8)
    with pytest.raises(ValueError, match="given 1"):
        histogram.read().converted(highest_ns=1)


def test_a_total_beyond_int64_is_refused() -> None:
    counts = HistogramCounts.from_hdr(encoded([2**62]))
    with pytest.raises(OverflowError, match="at most 2\\^63 - 1 values"):
        counts + counts


# ---- percentiles


@pytest.mark.parametrize("bad", [-1.0, 100.1, float("nan"), float("inf")])
def test_a_percentile_lies_between_0_and_100(bad: float) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 100; given {bad}"):
        Histogram().read().percentile(bad)


def test_an_empty_histogram_has_no_figures() -> None:
    counts = Histogram().read()
    assert counts.percentile(50) is None
    assert counts.mean_ns is None
    assert counts.sum_ns == 0


# ---- export


def test_counts_leave_without_a_copy_and_outlive_their_owner() -> None:
    histogram = Histogram()
    histogram.observe_ns(3)
    counts = histogram.read()
    view = np.frombuffer(counts.counts, dtype=np.uint64)
    again = np.frombuffer(counts.counts, dtype=np.uint64)
    assert view.__array_interface__["data"] == again.__array_interface__["data"]
    arrow = pa.Array.from_buffers(pa.uint64(), len(view), [None, pa.py_buffer(counts.counts)])
    assert arrow.buffers()[1].address == view.__array_interface__["data"][0]
    del counts, histogram
    assert view[3] == 1
    assert arrow[3].as_py() == 1
    assert not view.flags.writeable


def test_equality_is_by_content() -> None:
    a, b = Histogram(), Histogram()
    assert a.read() == b.read()
    a.observe_ns(1)
    assert a.read() != b.read()
    assert a.read() != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(a.read())


# ---- HdrHistogram


def varint(value: int) -> bytes:
    rest = ((value << 1) ^ (value >> 63)) & (2**64 - 1)
    out = bytearray()
    while rest >= 0x80 and len(out) < 8:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def encoded(counts: list[int], **changes: int) -> bytes:
    """The format written out by hand; `changes` spoil it."""
    body = b"".join(map(varint, counts))
    fields = {
        "cookie": 0x1C849313,
        "length": len(body),
        "offset": 0,
        "digits": 2,
        "lowest": 1,
        "highest": INT64_MAX,
        "ratio": 0x3FF0000000000000,
        "outer": 0x1C849314,
        "outer_length": 0,
    } | changes
    outer, extra = fields.pop("outer"), fields.pop("outer_length")
    packed = zlib.compress(struct.pack(">IIIIQQQ", *fields.values()) + body)
    return base64.b64encode(struct.pack(">II", outer, len(packed) + extra) + packed)


def assert_same_extremes(theirs: Any, ours: HistogramCounts) -> None:
    """In between, the package rounds the rank to the nearest, and may be one value off."""
    if ours.in_range:
        first, last = ours.percentile(0), ours.percentile(100)
        assert first is not None
        assert last is not None
        assert (theirs.get_value_at_percentile(0), theirs.get_value_at_percentile(100)) == (first[0], last[1])


@given(bits, st.lists(st.integers(0, DEFAULT_HIGHEST)), highest_values)
def test_hdrhistogram_reads_what_is_written(bits: int, given_values: list[int], highest: int) -> None:
    hdrh = pytest.importorskip("hdrh.histogram")
    counts = filled(bits, highest, given_values)[0].read()
    theirs = hdrh.HdrHistogram.decode(counts.to_hdr())
    assert theirs.get_total_count() == counts.in_range
    assert theirs.counts_len == len(counts.counts)
    assert [theirs.get_count_at_index(i) for i in range(theirs.counts_len)] == list(counts.counts)
    if not (counts.underflow or counts.overflow):
        assert_same_extremes(theirs, counts)


@given(st.sampled_from([2, 3]), st.lists(st.integers(0, DEFAULT_HIGHEST)), st.integers(2**12, INT64_MAX))
def test_what_hdrhistogram_writes_is_read(digits: int, given_values: list[int], highest: int) -> None:
    hdrh = pytest.importorskip("hdrh.histogram")
    theirs = hdrh.HdrHistogram(1, highest, digits)
    for value in given_values:
        theirs.record_value(value)
    ours = HistogramCounts.from_hdr(theirs.encode())
    assert ours.bits == {2: 7, 3: 10}[digits]
    assert [theirs.get_count_at_index(i) for i in range(theirs.counts_len)] == list(ours.counts)
    assert ours.sum_ns is None
    assert ours.mean_ns is None
    assert_same_extremes(theirs, ours)


@given(bits, highest_values, st.lists(values))
def test_a_round_trip_keeps_the_counts(bits: int, highest: int, given_values: list[int]) -> None:
    counts = filled(bits, highest, given_values)[0].read()
    again = HistogramCounts.from_hdr(counts.to_hdr())
    assert (again.bits, again.highest_ns) == (counts.bits, counts.highest_ns)
    assert list(again.counts) == list(counts.counts)


@pytest.mark.parametrize("count", [1, 63, 64, 2**31, 2**55 - 1, 2**55, 2**62, INT64_MAX])
def test_counts_of_every_length(count: int) -> None:
    counts = HistogramCounts.from_hdr(encoded([-5, count]))
    assert counts.counts[5] == count
    assert HistogramCounts.from_hdr(counts.to_hdr()) == counts


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cookie": 0x1C849303}, "another cookie"),
        ({"outer": 0x1C849304}, "another cookie"),
        ({"outer_length": 1}, "compressed bytes"),
        ({"length": 7}, "says 7 bytes of counts; given 1"),
        ({"offset": 1}, "normalizing offset"),
        ({"digits": 4}, "it has 4"),
        ({"lowest": 1000}, "it is 1000"),
        ({"highest": 2**63}, "it is 9223372036854775808"),
        ({"highest": 1}, "it is 1"),
        ({"ratio": 0}, "conversion ratio"),
    ],
)
def test_an_encoding_that_cannot_be_held_is_refused(changes: dict[str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        HistogramCounts.from_hdr(encoded([1], **changes))


def test_more_counts_than_the_range_are_refused() -> None:
    for counts in ([-(57 * 128), 1], [-INT64_MAX], [-(2**63)], [1] * (57 * 128 + 1)):
        with pytest.raises(ValueError, match="more counts than its range"):
            HistogramCounts.from_hdr(encoded(counts))
    with pytest.raises(OverflowError):
        HistogramCounts.from_hdr(encoded([INT64_MAX, 1]))


def test_a_bomb_does_not_unpack() -> None:
    packed = zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(ValueError, match="another cookie"):
        HistogramCounts.from_hdr(base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed))


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error(garbage: bytes) -> None:
    for inner in (
        garbage,
        zlib.compress(garbage),
        zlib.compress(struct.pack(">IIIIQQQ", 0x1C849313, len(garbage), 0, 2, 1, 9999, 0x3FF0000000000000) + garbage),
    ):
        wrapped = base64.b64encode(struct.pack(">II", 0x1C849314, len(inner)) + inner)
        for text in (garbage, wrapped):
            with contextlib.suppress(ValueError, OverflowError):
                HistogramCounts.from_hdr(text)


# ---- counters and gauges


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**62))))
def test_a_counter_is_the_sum_of_its_additions(steps: list[int | None]) -> None:
    counter, model = _native.Counter(), 0
    for step in steps:
        if step is None:
            counter.inc()
            model += 1
        elif model + step <= INT64_MAX:
            counter.add(step)
            model += step
        else:
            with pytest.raises(OverflowError, match=f"it is {model} and was given {step}"):
                counter.add(step)
    assert counter.value == model


def test_a_counter_refuses_what_it_cannot_add() -> None:
    counter = _native.Counter()
    for bad in (-1, -(2**63), -(2**70)):
        with pytest.raises(ValueError, match=f"given {bad}"):
            counter.add(bad)
    for bad in (2**63, 2**70):
        with pytest.raises(OverflowError, match=f"given {bad}"):
            counter.add(bad)
    with pytest.raises(TypeError):
        counter.add(1.0)  # type: ignore[arg-type]
    counter.add(True)
    counter.add(np.int32(4))
    assert counter.value == 5
    assert repr(counter) == "Counter(5)"


def test_threads_lose_no_addition() -> None:
    counter, gauge, n = _native.Counter(), _native.Gauge(), 20_000

    def work() -> None:
        for _ in range(n):
            counter.inc()
            gauge.inc()
            gauge.add(2)
            gauge.dec()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counter.value, gauge.value) == (4 * n, 8.0 * n)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_a_gauge_is_set_and_moved(start: float, delta: float) -> None:
    gauge = _native.Gauge()
    gauge.set(start)
    gauge.add(delta)
    assert gauge.value == start + delta
    gauge.inc()
    gauge.dec()
    assert gauge.value == start + delta + 1 - 1


def test_a_gauge_stays_finite() -> None:
    gauge = _native.Gauge()
    gauge.set(1.7e308)
    for bad in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(ValueError, match=f"given {bad}"):
            gauge.set(bad)
        with pytest.raises(ValueError, match=f"given {bad}"):
            gauge.add(bad)
    with pytest.raises(OverflowError, match="largest float"):
        gauge.add(1.7e308)
    with pytest.raises(TypeError):
        gauge.set("1")  # type: ignore[arg-type]
    gauge.set(-1)
    assert gauge.value == -1.0
    assert repr(gauge) == "Gauge(-1.0)"


@pytest.mark.parametrize("kind", [Histogram, _native.Counter, _native.Gauge])
def test_the_types_take_no_unknown_argument_and_no_attribute(kind: type) -> None:
    with pytest.raises(TypeError):
        kind(colour=1)
    with pytest.raises(AttributeError):
        kind().colour = 1
