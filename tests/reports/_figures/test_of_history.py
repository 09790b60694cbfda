from __future__ import annotations

import pytest

from inference_bench.reports._figures.of_history import figures
from inference_bench.result import Estimate
from inference_bench.results.history import Point, Track
from tests.report_parts import case


def track(*medians, changes=(), days=1):
    points = tuple(
        Point(
            f"run-{place}", f"2026-11-{1 + place * days:02}T10:{place:02}:00", Estimate(value, value - 1e5, value + 1e5)
        )
        for place, value in enumerate(medians)
    )
    return Track(case(), "ttft", "prefill", points, dict(changes))


def test_a_history_is_a_point_a_run_with_its_interval_and_its_id():
    (figure,) = figures([track(100e6, 101e6, 110e6, changes={2: 0.095})])
    (series,) = figure.series

    assert [(point.x, point.y) for point in series.points] == [(0, 100), (1, 101), (2, 110)]
    assert series.points[0].y_ends == pytest.approx((99.9, 100.1))
    assert "run-2" in series.points[2].text
    assert [(mark.x, mark.text) for mark in figure.marks] == [(2, "+9.5% from here on: WORSE")]


def test_runs_of_one_day_are_told_by_the_hour_and_others_by_the_date():
    (of_days,), (of_a_day,) = figures([track(1e8, 1e8, 1e8)]), figures([track(1e8, 1e8, 1e8, days=0)])

    assert [text for _, text in of_days.x.ticks] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert [text for _, text in of_a_day.x.ticks] == ["10:00", "10:01", "10:02"]
