"""Flame charts: what is drawn where, what it says, and what is too narrow to be drawn."""

from __future__ import annotations

import pytest

from inference_bench.reports._figures import flame
from inference_bench.reports._figures.figure import Shape
from inference_bench.reports._figures.layout import inside
from inference_bench.reports._figures.setups import Setups
from inference_bench.reports._figures.svg import draw
from inference_bench.testing import write_run
from tests.breakdowns import operations, result_with_breakdown
from tests.report_parts import speed


def figures_of(tmp_path, *results):
    run = write_run(tmp_path, *results)
    return list(flame.figures(run, Setups(run.results)))


@pytest.fixture
def figure(tmp_path):
    (found,) = figures_of(tmp_path, result_with_breakdown(operations((1.0, 1.0, 3.0))))
    return found


def test_spans_stand_at_their_time_below_what_they_lie_in(figure):
    frames = {(point.label, point.start, point.x, point.y) for series in figure.series for point in series.points}

    assert frames == {
        ("decode", 0, 100, 0),
        ("Net", 5, 95, 1),
        ("layers.0", 10, 40, 2),
        ("mlp", 20, 30, 3),
        ("mm", 22, 28, 4),
        ("layers.1", 50, 80, 2),
        ("mlp", 60, 70, 3),
        ("mm", 62, 68, 4),
    }
    assert [(series.name, series.shape) for series in figure.series] == [
        (name, Shape.FRAMES) for name in ("step", "module", "operator")
    ]


def test_a_frame_says_its_own_time_and_where_it_is(figure):
    texts = {point.label: point.text for series in figure.series for point in series.points}

    assert texts["Net"] == "Net · 90.0 ms, 90.0% of the step · itself 30.0 ms"
    assert texts["mm"] == "aten::mm · 6.00 ms, 6.0% of the step · itself 6.00 ms · in layers.1.mlp"


def test_names_of_plugins_are_escaped(tmp_path):
    table = operations((1.0,))
    table.module[table.module == "Net"] = "<b>"
    (figure,) = figures_of(tmp_path, result_with_breakdown(table))

    assert "&lt;b&gt;" in draw(figure)
    assert "<b>" not in draw(figure)


def test_a_name_that_does_not_fit_into_its_frame_is_cut_or_left_out():
    assert inside("self_attn", 200) == "self_attn"
    assert inside("self_attn", 40) == "self…"
    assert inside("self_attn", 12) == ""


def test_a_run_without_a_breakdown_has_no_flame_chart(tmp_path):
    assert figures_of(tmp_path, speed()) == []
