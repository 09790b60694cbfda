"""The series of a profiler without one: limits, totals, and the restart in a forked child."""

from __future__ import annotations

import pytest

from inference_bench.errors import InvalidValueError
from inference_bench.live.series import SeriesKey
from inference_bench.live.series_book import SeriesBook


@pytest.fixture
def book():
    return SeriesBook(max_series=3)


def test_the_same_name_and_labels_are_the_same_series(book):
    assert book.counter("hits", {"path": "/", "code": 1}) is book.counter("hits", {"code": "1", "path": "/"})
    assert book.counter("hits") is not book.counter("hits", {"path": "/"})
    assert book.spans.get("decode") is book.spans.get("decode")


def test_counters_gauges_and_histograms_share_a_limit_and_names_of_spans_have_their_own(book):
    book.counter("one")
    book.gauge("two")
    book.histogram("three")

    with pytest.raises(InvalidValueError, match="at most 3"):
        book.histogram("four")
    for number in range(3):
        book.spans.get(f"span {number}")
        book.marks.get(f"mark {number}")
    with pytest.raises(InvalidValueError, match="at most 3"):
        book.spans.get("span 3")


def test_everything_is_read_by_its_key(book):
    book.counter("hits", {"path": "/"}).add(2)
    book.gauge("queue").set(1.5)
    book.histogram("ttft").observe_ns(10)
    book.durations.get("decode").observe_ns(20)
    book.last_seen("ttft", {}).seen = (7, 10, 1_000)

    assert book.counter_totals() == {SeriesKey("hits", (("path", "/"),)): 2}
    assert book.gauge_values() == {SeriesKey("queue"): 1.5}
    assert book.histogram_counts()[SeriesKey("ttft")].sum_ns == 10
    assert book.span_counts()["decode"].sum_ns == 20
    assert book.exemplars()[SeriesKey("ttft")].request_id == 7
    assert 0 < book.memory_bytes <= book.memory_limit_bytes


def test_after_a_restart_totals_begin_at_zero_and_gauges_stay(book):
    book.counter("hits").add(2)
    book.gauge("queue").set(1.5)
    book.histogram("ttft").observe_ns(10)
    book.last_seen("ttft", {}).seen = (7, 10, 1_000)

    book.replace_locks()
    book.restart()
    book.counter("hits").inc()

    assert list(book.counter_totals().values()) == [1]
    assert list(book.gauge_values().values()) == [1.5]
    assert book.histogram_counts()[SeriesKey("ttft")].total == 0
    assert book.exemplars() == {}
