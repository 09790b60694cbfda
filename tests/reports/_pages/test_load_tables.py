"""Loads in a terminal: a row per rate, the key figures first, and all metrics in the other formats."""

from __future__ import annotations

import pytest

from inference_bench.plan import Case
from inference_bench.reports._pages.case_tables import case_table
from inference_bench.reports._pages.load_tables import brief_table
from inference_bench.result import (
    BenchmarkResult,
    Estimate,
    SloJudgement,
    SloOutcome,
    SloVerdict,
    Status,
)
from inference_bench.spec import AS_SERVED, ENDPOINT, Setup
from tests.report_parts import render, speed, summary

LOAD = {
    "scenario": "poisson",
    "rate": 20,
    "concurrency": 4,
    "requests": 100,
    "input_length": 64,
    "new_tokens": 16,
    "request_timeout": 600,
}


def score(metric, value):
    return summary(metric, "", value, 100, quantiles={}, score=Estimate(value, value, value), cold=None)


def load(rate=20, latency=95e6, answered=1.0, metrics=("request_latency", "request_ttft", "request_tpot", "itl"), **of):
    found = [summary(metric, "", latency, 400) for metric in metrics]
    found += [summary(metric, "", 50e3, 100) for metric in ("first_byte", "connect", "client_lag", "dispatch_lag")]
    found += [score("achieved_rate", rate if rate != "auto" else 7.5), score("answered", answered)]
    found += [score("offered_rate", 7.7), score("on_schedule", 1.0)]
    setup = Setup(device=ENDPOINT, dtype=AS_SERVED)
    case = Case("tiny", "serving_load", setup, LOAD | {"rate": rate})
    return BenchmarkResult(case, Status.OK, tuple(found), **of)


def brief(*results):
    table = brief_table(case_table("serving_load", results), results)
    assert table is not None
    return table


def headings(table):
    return [column.heading for column in table.columns]


def texts(table):
    return [[cell.text for cell in row] for rows in table.sections for row in rows]


def test_a_row_per_rate_and_the_key_figures_first():
    table = brief(load(20), load(40))

    assert headings(table) == [
        *("rate", "TTFT p50 ms", "TTFT p99 ms", "TPOT p50 ms", "TPOT p99 ms", "latency p50 ms", "latency p99 ms"),
        *("achieved /s", "grade"),
    ]
    assert [row[0] for row in texts(table)] == ["20", "40"]
    assert texts(table)[0][1:3] == ["95.0", "needs 368"]
    assert [cell.below[0].text for cell in table.sections[0][0][1:2]] == ["±0.5 %"]
    assert [row[-2] for row in texts(table)] == ["20.0", "40.0"]


def test_all_figures_of_a_column_have_one_unit():
    slow = brief(load(20, latency=95e6), load(40, latency=9.5e9))

    assert "latency p50 ms" in headings(slow)
    assert [row[5] for row in texts(slow)] == ["95.0", "9,500"]


def test_itl_stands_in_where_no_tpot_is_known():
    table = brief(load(metrics=("request_latency", "request_ttft", "itl")))

    assert [heading for heading in headings(table) if "p50" in heading] == [
        "TTFT p50 ms",
        "ITL p50 ms",
        "latency p50 ms",
    ]


def test_the_planned_rate_is_shown_where_no_axis_names_it():
    assert "offered /s" in headings(brief(load("auto")))
    assert "offered /s" not in headings(brief(load(20)))


def test_requests_that_failed_have_a_column_of_their_own():
    table = brief(load(20), load(40, answered=0.97))

    place = headings(table).index("failed")
    assert [row[place] for row in texts(table)] == ["", "3 %"]


def slo(outcome):
    verdict = SloVerdict("ttft.p99<=300ms", outcome, 100, 99, 0, 90.0, 0.99, 0.9, 0.999, 2e8)
    return SloJudgement((verdict,), Estimate(19.0, 18.0, 20.0), 100)


def test_objectives_have_a_column():
    table = brief(
        load(20, slo=slo(SloOutcome.PASS)), load(40, slo=slo(SloOutcome.OPEN)), load(80, slo=slo(SloOutcome.FAIL))
    )

    place = headings(table).index("SLO")
    assert [row[place] for row in texts(table)] == ["PASS", "open", "FAIL"]


def test_a_case_that_failed_has_its_row():
    failed = BenchmarkResult(load(40).case, Status.CRASHED)
    table = brief(load(20), failed)

    assert texts(table)[1][0] == "40"
    assert texts(table)[1][headings(table).index("status")] == "CRASHED"


def test_another_benchmark_has_no_brief_table():
    assert brief_table(case_table("inference_speed", [speed()]), [speed()]) is None


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_the_brief_table_and_the_client_in_a_line(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = render("console", load(20), load(40))
    block = text.partition("Serving load\n")[2].partition("Reliability")[0]

    assert max(map(len, block.splitlines())) <= columns
    assert "on schedule" not in block
    assert "client: connect at most 50.0 µs, client lag at most 50.0 µs, dispatch lag at most 50.0 µs" in " ".join(
        block.split()
    )


@pytest.mark.parametrize("name", ["markdown", "html", "csv", "json"])
def test_other_formats_keep_every_metric(name):
    text = render(name, load(20), load(40))

    for tag, title in (("first_byte", "first byte"), ("on_schedule", "on schedule"), ("client_lag", "client lag")):
        assert tag in text or title in text
