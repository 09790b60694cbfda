"""The lines under the table of a load: the client that sent it, and its floor on a null server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.grade import Finding, Grade, Severity
from inference_bench.reports._pages.client_lines import client_lines, floor_lines
from inference_bench.reports._pages.document import Tone
from inference_bench.result import Estimate
from tests.report_parts import render, speed, summary, words
from tests.reports._pages.test_load_tables import load, score

FLOOR = {"request_ttft": {"p50": 80e3, "p99": 600e3}, "dispatch_lag": {"p50": 2e3}, "client_lag": {"p50": 9e3}}


def graded(result, code, severity):
    return replace(result, grade=Grade("F", (Finding(code, severity, "it was late", "so", "do"),), 1))


def line(*results):
    (found,) = client_lines(results)
    return found


def test_the_worst_figure_of_all_cases_is_named():
    tail = Estimate(79e3, 70e3, 90e3)
    slow = replace(load(40), summaries=(summary("dispatch_lag", "", 2e3, quantiles={"p99": tail}),))
    quick = replace(slow, summaries=(summary("dispatch_lag", "", 1e3, quantiles={"p99": replace(tail, value=9e3)}),))

    assert line(quick, slow).text == "client: dispatch lag p99 79.0 µs: trustworthy"


def test_the_share_of_a_cpu_is_in_per_cent():
    assert "client CPU 3.2 %" in line(replace(load(), summaries=(score("client_cpu", 0.032),))).text


@pytest.mark.parametrize(
    ("severity", "word", "tone"),
    [(Severity.GRAVE, "INVALID", Tone.ALARM), (Severity.MINOR, "held up", Tone.WARNING)],
)
def test_a_finding_on_the_client_is_its_verdict(severity, word, tone):
    found = line(load(20), graded(load(40), "client_held_up", severity))

    assert found.text.endswith(f": {word}: it was late (serving load, 40 requests/s)")
    assert found.tone is tone


def test_a_finding_on_something_else_is_not():
    assert line(graded(load(), "virtual", Severity.GRAVE)).text.endswith(": trustworthy")


def test_what_is_no_load_has_no_line():
    assert not list(client_lines([speed()]))
    assert not list(floor_lines([speed()]))


def test_the_floor_of_several_loads_is_their_highest():
    high = {"request_ttft": {"p50": 90e3, "p99": 500e3}}
    (found,) = floor_lines([replace(load(20), floor=FLOOR), replace(load(40), floor=high)])

    assert found.text.endswith("TTFT from schedule 90.0 µs (p99 600 µs), dispatch lag 2.00 µs")
    assert "at most, the same loads" in found.text


def test_a_floor_that_is_missing_is_said():
    lines = list(floor_lines([replace(load(20), floor=FLOOR), load(40)]))

    assert lines[-1].text == "floor of the client: not measured for serving load, 40 requests/s"


@pytest.mark.parametrize("name", ["console", "markdown", "html", "github"])
def test_the_floor_stands_under_its_table(name):
    text = words(render(name, replace(load(), floor=FLOOR)))

    assert text.index("TTFT") < text.index("floor of the client") < text.index("Reliability")
