"""A histogram in plain Python, and the values to compare the native one with."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections import Counter as Multiset
from fractions import Fraction

from hypothesis import strategies as st

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
