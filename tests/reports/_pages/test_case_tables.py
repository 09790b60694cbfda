from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.metrics import METRICS, Replicate
from inference_bench.plan import Case
from inference_bench.reports._pages.case_tables import case_table
from inference_bench.result import BenchmarkResult, Estimate, Status
from inference_bench.spec import Setup
from tests.report_parts import CRASHED, speed, summary


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
