from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.metrics import METRICS, Replicate
from inference_bench.plan import Case
from inference_bench.reports._pages.case_tables import case_table
from inference_bench.result import BenchmarkResult, Estimate, Status
from inference_bench.spec import Setup
from tests.report_parts import CRASHED, render, speed, summary

LOAD = {
    "scenario": "poisson",
    "concurrency": 4,
    "requests": 32,
    "max_batch_size": 8,
    "input_length": 64,
    "new_tokens": 16,
}


def headings(table):
    return [column.heading for column in table.columns]


def quiz(metric, task="quiz"):
    score = Estimate(0.5, 0.4, 0.6, "Wilson score")
    of = Case("tiny", "accuracy", Setup(), {"task": task, "items": 100})
    return BenchmarkResult(of, Status.OK, (summary(metric, task, 0.5, 100, quantiles={}, score=score, cold=None),))


def test_what_all_cases_share_is_said_once():
    one, two = case_table("inference_speed", [speed()]), case_table("inference_speed", [speed(), speed(128)])

    assert (one.note, headings(one)[0]) == ("32 tokens", "metric")
    assert (two.note, headings(two)[:2]) == ("", ["input length", "metric"])


def test_a_parameter_that_a_case_lacks_is_not_shared():
    without = replace(speed(), case=Case("tiny", "inference_speed", Setup(), {}))
    table = case_table("inference_speed", [speed(), without])

    assert (table.note, headings(table)[0], table.sections[1][0][0].text) == ("", "input length", "–")


@pytest.mark.parametrize("metric", [m.tag for m in METRICS.values() if m.replicate is Replicate.ITEM])
def test_a_score_has_no_columns_of_samples(metric):
    table = case_table("accuracy", [quiz(metric), quiz(metric, "text")])

    assert not {"p90", "p99", "cold", "conv.", "median"} & set(headings(table))
    assert table.note == "100 items"
    if METRICS[metric].unit == "fraction":
        assert "unit" not in headings(table)


@pytest.mark.parametrize(
    ("metric", "heading"), [("accuracy", "share right"), ("top1_agreement", "share"), ("bits_per_byte", "mean")]
)
def test_a_score_is_headed_by_its_statistic(metric, heading):
    assert heading in headings(case_table("accuracy", [quiz(metric)]))


def test_a_column_stays_if_one_row_has_it():
    table = case_table("mixed", [speed(summaries=(summary(), *quiz("accuracy").summaries))])

    assert {"unit", "p90", "p99", "cold", "conv.", "figure"} <= set(headings(table))


def test_a_case_without_any_figure():
    table = case_table("inference_speed", [CRASHED])

    assert table.sections[0][0][0].text == "CRASHED"
    assert table.note == "512 tokens"


def test_a_serving_load_shows_its_tails_at_120_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def load(rate):
        metrics = ("request_latency", "request_ttft", "dispatch_lag")
        found = [summary(metric, "", 1234.5e6, 400, effective_n=312.0) for metric in metrics]
        score = Estimate(0.97, 0.84, 1.0, "Wilson score")
        found += [summary("on_schedule", "", 0.97, 32, quantiles={}, score=score, cold=None)]
        return BenchmarkResult(Case("tiny", "serving_load", Setup(), LOAD | {"rate": rate}), Status.OK, tuple(found))

    text = render("console", load(20), load(40))

    assert "hidden columns" not in text
    assert all(heading in text for heading in ("p90", "p99", "rate"))
    assert "scenario poisson, concurrency 4, 32 requests, max batch size 8, 64 tokens, 16 new tokens\n" in text
    assert max(map(len, text.partition("Serving load")[2].splitlines()[:12])) <= 120
