"""The HTML report, as a parser sees it."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest

from inference_bench.plan import Case
from inference_bench.report import open_report
from inference_bench.result import BenchmarkResult, Failure, RunRecord, Status
from inference_bench.run_folder import Run
from inference_bench.spec import Setup

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


class Document(HTMLParser):
    """Gathers elements and text; complains of an element that is closed out of order."""

    VOID = ("meta", "link")

    def __init__(self, source):
        super().__init__()
        self.elements, self.text, self._open = [], "", []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def document():
    case = Case(HOSTILE, "inference_speed", Setup(threads=1), {"input_length": 8})
    result = BenchmarkResult(case, Status.CRASHED, model={"title": HOSTILE}, failure=Failure(HOSTILE))
    stream = io.StringIO()
    record = RunRecord("20261123T201530Z-3fa9c1", "2026-11-23T20:15:30+00:00", {}, {}, finished=True)
    open_report("html").render(Run(record, (result,)), stream)
    return Document(stream.getvalue())


def test_hostile_names_stay_text(document):
    assert {tag for tag, _ in document.elements} & {"script", "img"} == set()
    assert document.text.count(HOSTILE) >= 2


def test_nothing_is_fetched(document):
    addresses = [value for _, attributes in document.elements for name, value in attributes.items() if name == "href"]

    assert addresses == ["data:,"]
    assert not any("src" in attributes for _, attributes in document.elements)
    assert "url(" not in document.text and "@import" not in document.text


def test_tables_have_captions_and_headings(document):
    count = {tag: sum(tag == found for found, _ in document.elements) for tag in ("table", "caption")}

    assert count["table"] == count["caption"] == 1
    assert all(attributes.get("scope") == "col" for tag, attributes in document.elements if tag == "th")
