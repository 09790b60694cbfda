"""What a timing says of itself."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from inference_bench.analysis.summaries import MetricSamples, summarise
from inference_bench.timing.timing import Timing


def made(values, *, name="work", floor_ns=30.0, converged=True, reason="interval narrow enough"):
    samples = np.array(values, np.int64)
    of = MetricSamples("call_time", "", samples, np.zeros(len(samples), np.int32), cold=9_000.0)
    return Timing(name, summarise(of, converged=converged, stop_reason=reason), samples, None, floor_ns)


LEVEL = [5_000 + place * 37 % 100 for place in range(100)]


def test_one_line_has_median_interval_and_count():
    assert repr(made(LEVEL)) == "<Timing of work: 5.05 µs [5.04 µs, 5.06 µs], 100 calls, converged>"


def test_the_text_says_how_far_to_believe():
    first, second = str(made(LEVEL)).splitlines()

    assert first == "work: 5.05 µs [5.04 µs, 5.06 µs]"
    assert "100 calls · median ±0.2% at 95 % · converged · first call 9.00 µs · p90 5.09 µs" in second
    assert "an empty call" not in second


def test_what_is_not_precise_or_near_the_floor_says_so():
    found = made([60, 70, 80], converged=False, reason="time budget spent")

    assert found.interval is None and found.median_ns == 70
    assert "70 ns no interval, 3 calls, NOT converged: time budget spent" in repr(found)
    assert "an empty call 30 ns" in found.details
    assert found.remarks == ("most of this is the call itself: put a loop into the function, or use `time CODE`",)


def test_several_levels_are_told():
    found = made([5_000 + i % 7 for i in range(100)] + [9_000 + i % 7 for i in range(100)])

    assert any("several levels" in note or "do not keep to one level" in note for note in found.remarks)


class Tags(HTMLParser):
    """Collects the tags, and checks that each is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("values", [LEVEL, [7] * 30, [7] * 60 + [8] * 60], ids=["spread", "equal", "two levels"])
def test_the_fragment_is_whole_escaped_and_without_script(values):
    html = made(values, name="<script>alert(1)</script>")._repr_html_()
    tags = Tags()
    tags.feed(html)

    assert tags.open == []
    assert {*tags.seen} <= {"div", "b", "svg", "title", "rect"}
    assert "<script>alert(1)</script>" in tags.text
    assert ("rect" in tags.seen) == (values != [7] * 30)
    assert "currentColor" in html or values == [7] * 30
    assert "#" not in html.replace("&#x27;", "")  # no colour of its own, so that a dark page stays readable
