from __future__ import annotations

import base64
import contextlib
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench._native import HistogramCounts
from tests.histogram_model import (
    DEFAULT_HIGHEST,
    INT64_MAX,
    bits,
    encoded,
    filled,
    highest_values,
    values,
)


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
