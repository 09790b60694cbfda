from __future__ import annotations

import os
import threading
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench._native import Histogram, HistogramCounts
from tests.histogram_model import (
    DEFAULT_HIGHEST,
    INT64_MAX,
    Model,
    assert_same,
    bits,
    encoded,
    filled,
    highest_values,
    percents,
    values,
)

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


def test_its_text_has_the_total_and_two_percentiles() -> None:
    histogram = Histogram()
    assert repr(histogram.read()) == "HistogramCounts(total=0, p50_ns=None, p99_ns=None)"
    for value in (3, 5, 7):
        histogram.observe_ns(value)
    assert repr(histogram.read()) == "HistogramCounts(total=3, p50_ns=(5, 5), p99_ns=(7, 7))"


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
