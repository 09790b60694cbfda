"""The drawing without scripts."""

from __future__ import annotations

import re

import pytest

from inference_bench.reports._figures.figure import Mark, Shape
from inference_bench.reports._figures.layout import WIDTH, layout
from inference_bench.reports._figures.svg import draw
from tests.reports.html_parts import HOSTILE, chart, outline


@pytest.mark.parametrize("shape", list(Shape))
def test_a_drawing_takes_the_pages_colours_and_keeps_its_text(shape):
    rows = ("one", "two") if shape is Shape.BARS else ()
    svg = draw(chart(shape, rows=rows))

    outline(svg)
    assert "x [s]" in svg
    assert "c0" in svg
    assert not re.search(r'(fill|stroke)="', svg)
    assert not re.search(r'<svg[^>]* width="', svg)
    assert svg == draw(chart(shape, rows=rows))


def test_points_without_an_interval_are_hollow_and_their_lines_dashed():
    svg = draw(chart(Shape.LINE, names=("a",)))

    assert svg.count("dot hollow") == 2
    assert svg.count("line unsure") == 2
    assert svg.count('class="line c0"') == 2


def test_hostile_names_are_text():
    found = outline(draw(chart(Shape.BARS, names=(HOSTILE,), rows=(HOSTILE,), marks=(Mark(1.0, HOSTILE),))))

    assert "script" not in found.count
    assert "img" not in found.count


def test_texts_of_marks_do_not_cover_each_other():
    marks = (Mark(1.0, "load", 9.0), Mark(9.0, "prefill", 9.1), Mark(9.1, "decode", 9.4))

    assert layout(chart(marks=marks)).levels == (0, 0, 1)


def test_everything_stands_within_the_width_of_a_phone():
    svg = draw(chart(Shape.BARS, rows=("short", "a name that is too long to stand beside its bar")))

    assert layout(chart(Shape.BARS, rows=("a name that is too long to stand beside its bar",))).names_above
    assert all(0 <= float(x) <= WIDTH for x in re.findall(r'<text x="([-\d.]+)"', svg))
