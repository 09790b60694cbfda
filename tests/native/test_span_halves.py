"""begin() and end(), and what is a moment: instants and counters."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_bench._native import Mark, SpanRecorder, begin, counter, end, mark, span
from tests.span_rows import contains, rows, spans

# ---- begin and end


def test_begin_and_end_of_one_span(recorder):
    single = span("single")
    single.begin()
    with pytest.raises(RuntimeError, match=r"'single' has begun already.*begin\(id\)"):
        begin("single")
    with single:
        pass
    single.end()
    with pytest.raises(RuntimeError, match=r"'single' has not begun: end\(\) without begin\(\)"):
        single.end()
    begin("single")
    end("single")
    inner, outer, again = spans(recorder)
    assert contains(outer, inner)
    assert outer["begin_ns"] + outer["duration_ns"] <= again["begin_ns"]


def test_begin_and_end_are_matched_by_name_and_id(recorder):
    request = span("request")
    request.begin(1, 10)
    request.begin(2**64 - 1, 20)
    span("other").begin(1)
    thread = threading.Thread(target=lambda: end("request", 1))
    thread.start()
    thread.join()
    request.end(2**64 - 1)
    found = spans(recorder)
    assert [(row["name"], row["id"], row["value"]) for row in found] == [
        ("request", 1, 10),
        ("request", 2**64 - 1, 20),
    ]
    assert recorder.counts()["open"] == 1
    span("other").end(1)  # in the next drain
    assert [(row["name"], row["id"]) for row in spans(recorder)] == [("other", 1)]
    assert recorder.counts()["open"] == 0


def test_halves_without_another(recorder):
    end("lonely", 5)
    begin("twice", 5)
    begin("twice", 5)
    end("twice", 5)
    (only,) = spans(recorder)
    assert only["name"] == "twice"
    recorder.drain()
    counts = recorder.counts()
    assert (counts["open"], counts["unmatched_begins"], counts["unmatched_ends"]) == (0, 1, 1)


events = st.lists(
    st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from(["a", "b"]), st.integers(0, 3), st.booleans()),
    max_size=40,
)


@settings(deadline=None)
@given(events)
def test_matching_agrees_with_a_plain_model(events):
    """Each event may be followed by a drain; an end that found no beginning gets one more drain to find it."""
    recorder = SpanRecorder(capacity=100)
    open_: dict[tuple[str, int], int] = {}
    expected, unmatched_begins, unmatched_ends = [], 0, 0
    found = []
    with recorder:
        for value, (kind, name, id, drain) in enumerate(events):
            if kind == "begin":
                begin(name, id, value)
                unmatched_begins += (name, id) in open_
                open_[name, id] = value
            else:
                end(name, id)
                if (name, id) in open_:
                    expected.append((name, id, open_.pop((name, id))))
                else:
                    unmatched_ends += 1
            if drain:
                found += spans(recorder)
        found += spans(recorder)
        recorder.drain()
    assert [(row["name"], row["id"], row["value"]) for row in found] == expected
    counts = recorder.counts()
    assert counts["open"] == len(open_)
    assert counts["unmatched_begins"] == unmatched_begins
    assert counts["unmatched_ends"] == unmatched_ends


# ---- instants and counters


def test_instants_and_counters(recorder):
    first = Mark("token")
    assert first.name == "token"
    first()
    first(4)
    mark("token", -4)
    counter("queue", 17)
    found = rows(recorder)
    assert [(row["name"], row["kind"], row["value"]) for row in found] == [
        ("token", "instant", 0),
        ("token", "instant", 4),
        ("token", "instant", -4),
        ("queue", "counter", 17),
    ]
    assert all(row["begin_ns"] == row["end_ns"] for row in found)
    for bad in ((1, 2), ("x",)):
        with pytest.raises(TypeError):
            first(*bad)
