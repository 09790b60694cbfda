"""Server-sent events: the rules of the standard, and the read that completed each event."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.endpoint.sse import Events, events


def split(body: bytes, *ends: int) -> Events:
    return events(body, np.array([*ends, len(body)], np.int64))


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\n\ndata: b\n\r\n", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b": comment\n\n: one more\ndata: a\n\n", [b"a"]),
        (b"data:a\n\ndata:  a\n\n", [b"a", b" a"]),
        (b"data: a\ndata\ndata:b\n\n", [b"a\n\nb"]),
        (b"id: 3\nretry: 10\n\nid: 4\ndata: a\n\n", [b"a"]),
        (b"data\n\n", [b""]),
        (b"dataset: x\n\n", []),
        (b"", []),
    ],
)
def test_the_rules_of_the_standard(body, data):
    assert split(body).data == data
    assert not split(body).is_cut


def test_an_event_has_the_type_that_it_names():
    assert split(b"event: error\ndata: a\n\ndata: b\n\n").names == [b"error", b""]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_an_event_without_a_blank_line_counts_as_cut(end):
    found = split(b"data: a\n\ndata: b" + end)

    assert found.data == [b"a", b"b"] and found.is_cut


def test_the_read_that_brought_the_blank_line_completes_an_event():
    body = b"data: a\r\n\r\ndata: b\r\n\r\n"  # 11 bytes each

    assert split(body, 10).reads == [1, 1]
    assert split(body, 11).reads == [0, 1]
    assert split(body, 3, 11, 12, 21).reads == [1, 4]


LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from([b"data: x", b"data:", b": c", b"event: e", b"", b"", b"data: \xc3\xa9y", b"id: 1"])


@st.composite
def bodies(draw):
    lines = draw(st.lists(st.tuples(LINES, LINE_ENDS), max_size=12))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(line + end for line, end in lines)


def by_lines(body: bytes) -> list[tuple[bytes, int]]:
    """Return each whole event with the place behind its last byte, read line by line as the standard writes it."""
    found, data, begin = [], [], 3 if body.startswith(b"\xef\xbb\xbf") else 0
    for line in re.finditer(rb"([^\r\n]*)(\r\n|\r|\n)", body[begin:]):
        field, _, value = line[1].partition(b":")
        if not line[1] and data:
            found.append((b"\n".join(data), begin + line.end()))
        if not line[1]:
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return found


@given(bodies(), st.data())
def test_any_split_gives_the_events_of_the_standard_each_with_the_read_that_completed_it(body, data):
    places = st.lists(st.integers(0, len(body)), max_size=5)
    ends = sorted({*data.draw(places), len(body)} - {0}) or [0]

    found = events(body, np.array(ends, np.int64))

    expected = by_lines(body)
    whole = len(found.data) - found.is_cut
    assert found.data[:whole] == [text for text, _ in expected]
    reads = [next(read for read, end in enumerate(ends) if end >= place) for _, place in expected]
    assert found.reads[:whole] == reads
