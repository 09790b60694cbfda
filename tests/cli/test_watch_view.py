"""Rows, names, windows and keys of ``watch``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from inference_bench.cli._watch.keys import read_keys
from inference_bench.cli._watch.look import SORTS, Look
from inference_bench.cli._watch.names import constant_labels, cut_names, row_names
from inference_bench.cli._watch.rows import History, Row
from inference_bench.cli._watch.view import View, _window

ROUTES = st.sampled_from(["/v1/chat/completions", "/v1/chat/completions/{id}", "/v1/chat/{x}", "a", "漢字" * 20, ""])
LABELS = st.dictionaries(st.sampled_from(["route", "status", "model", "kind", "exporter"]), ROUTES, max_size=3)
ROWS = st.builds(
    lambda kind, name, labels: Row(1, "application", kind, name, tuple(sorted(labels.items())), 1.0, 1),
    st.sampled_from(["histogram", "counter", "span"]),
    st.sampled_from(["http_request", "http_requests", "wait", "w" * 60]),
    LABELS,
)


@given(st.lists(ROWS, max_size=12, unique_by=lambda row: (row.kind, row.name, row.labels)), st.integers(12, 60))
def test_no_two_rows_have_one_name_at_any_width(rows, width):
    names = row_names(rows, constant_labels(rows))
    cut = cut_names(names, width)

    assert len(set(names)) == len(set(cut)) == len(rows)
    assert all(cell_len(name) <= width for name in cut)


def row(name, **labels):
    return Row(1, "requests", "counter", name, tuple(labels.items()), 1.0, 1)


def test_a_label_that_tells_two_rows_apart_stays_in_them():
    rows = [row("errors"), row("errors", kind="x"), row("hits", exporter="otlp")]

    assert constant_labels(rows) == {"exporter": "otlp"}
    assert row_names(rows, constant_labels(rows)) == ["errors", "errors kind=x", "hits"]


def test_names_that_a_cut_makes_equal_show_where_they_differ():
    names = [f"http_request /v1/{middle}/completions 200" for middle in ("alpha", "omega")]

    assert cut_names(names, 20) == ["…/alpha/completions ", "…/omega/completions "]


def snapshot(time_ns=2_000_000_000, **parts):
    cost = {"duty": 0.0, "budget": 0.01, "every": 1, "over_budget": False}
    given = {"counters": {}, "marks": {}, "gauges": {}, "histograms": {}, "spans": {}, **parts}
    head = {"name": "chat", "pid": 1, "running": True, "memory_bytes": 1, "memory_limit_bytes": 2}
    return {
        **head,
        "time_ns": time_ns,
        "uptime_ns": time_ns,
        "cost": cost,
        "recording": {"made": 9, "lost": 0},
        **given,
    }


def test_rates_and_percentiles_are_those_of_the_interval():
    history = History()
    history.add(snapshot(counters={"hits": 100}, histograms={"ttft": {"count": 2, "buckets": [[1000, 2]]}}))
    assert [(one.rate, one.total) for one in history.rows] == [(1.0, 2), (50.0, 100)]
    history.add(
        snapshot(
            4_000_000_000,
            counters={"hits": 110},
            histograms={"ttft": {"count": 3, "buckets": [[1000, 2], [64_000, 1]]}},
        )
    )

    ttft, hits = history.rows
    assert (hits.rate, hits.total) == (5.0, 110)
    assert (ttft.group, ttft.rate, ttft.total, ttft.p50, ttft.p99) == ("model", 0.5, 3, 64_500, 64_500)
    assert len(ttft.recent) == 2


def test_spans_of_a_model_stand_with_its_series():
    history = History()
    spans = {name: {"count": 1, "buckets": [[1, 1]]} for name in ("llama.decode", "other.decode", "request")}
    history.add(snapshot(spans=spans, counters={'generations{model="llama"}': 1}))

    assert {(one.group, one.name, one.labels) for one in history.rows if one.kind == "span"} == {
        ("model", "decode", (("model", "llama"),)),
        ("application", "other.decode", ()),
        ("requests", "request", ()),
    }


@pytest.mark.parametrize("sort", SORTS)
def test_each_order_is_of_what_it_names(sort):
    rows = [
        Row(1, "process", "gauge", "b", (), None, 5.0),
        Row(1, "process", "histogram", "c", (), 1.0, 1, 3.0, 9.0),
        Row(1, "process", "histogram", "a", (), 2.0, 7, 4.0, 8.0),
        Row(1, "process", "gauge", "d", (), None, float("nan")),
    ]
    expected = {"kind": "bcad", "name": "abcd", "rate": "acbd", "total": "abcd", "p50": "acbd", "p99": "cabd"}

    assert "".join(one.name for one in Look(sort=sort).chosen(rows)) == expected[sort]


def test_a_filter_wants_each_of_its_words():
    rows = [row("http_request", route="/a"), row("http_request", route="/b"), row("hits")]

    assert [one.labels for one in Look(words="HTTP /b").chosen(rows)] == [(("route", "/b"),)]


@given(st.lists(st.integers(0, 3), max_size=30).map(sorted), st.integers(0, 40), st.integers(3, 30))
def test_a_window_is_filled_and_every_row_is_reached(places, first, room):
    headings = ["requests", "model", "process", ""]
    begin, end = _window(places, headings, first, room)
    shown = places[begin:end]
    titles = len({place for place in shown if headings[place]})

    assert len(shown) + titles <= room - (end - begin < len(places))
    assert not places or shown
    if end < len(places):
        assert begin == min(first, len(places) - 1)
    seen, at = set(), 0
    while places:
        begin, end = _window(places, headings, at, room)
        seen |= set(range(begin, end))
        if end == len(places):
            break
        at = end
    assert len(seen) == len(places)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"jk", ["j", "k"]),
        (b"\x1b[A\x1bOB", ["up", "down"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["pgup", "pgdn", "home", "end"]),
        (b"\x1b", ["escape"]),
        (b"a\x7f\r", ["a", "backspace", "enter"]),
        ("µ".encode(), ["µ"]),
        (b"\xff\x00\x1b[1;5C", []),
    ],
)
def test_bytes_of_a_terminal_are_keys(data, keys):
    assert list(read_keys(data)) == keys


def test_warnings_are_lines_of_their_own():
    view = View()
    view.add({**snapshot(), "running": False, "recording": {"made": 9, "lost": 3}})
    lines = [line.plain for line in view.screen(120, 24)]

    assert "the profiler is not running" in lines[1]
    assert lines[2] == "3 of 9 span records were overwritten before they were read"
