"""Charts of a comparison: each change with its interval against the margin."""

from __future__ import annotations

import io

import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.observations import Observations, Side
from inference_bench.plan import Case
from inference_bench.reports._figures.of_comparison import figures as effects
from inference_bench.reports._html_page import write_page
from inference_bench.reports._pages.comparison import page as comparison_page
from inference_bench.spec import Setup
from tests.reports.html_parts import HOSTILE, outline


def side(name, *medians, tag="ttft"):
    case = Case("tiny", "inference_speed", Setup(), {"input_length": 32})
    values = {("s", number): median for number, median in enumerate(medians)}
    return Side(name, (Observations(case, tag, "", values),))


SLOWER = compare(side("before", *range(1000, 1010)), side(f"after {HOSTILE}", *range(1100, 1110)))


def compared(*found):
    stream = io.StringIO()
    write_page(comparison_page(found, [()] * len(found)), stream, effects(found))
    return stream.getvalue()


def test_a_comparison_draws_each_change_with_its_interval_against_the_margin():
    (figure,) = effects([SLOWER])
    (row,) = SLOWER.rows
    margin, change = figure.series
    (point,) = change.points

    assert point.x == pytest.approx(100 * row.change)
    assert point.x_ends == (pytest.approx(100 * row.low), pytest.approx(100 * row.high))
    assert (margin.points[0].start, margin.points[0].x) == (pytest.approx(-1.0), pytest.approx(1.0))
    assert change.colour == "alarm"
    assert "SLOWER" in point.text
    assert "SLOWER" in [cell.text for section in figure.data.sections for cells in section for cell in cells]
    assert outline(compared(SLOWER, SLOWER)).count["figure"] == 2


def test_a_change_against_the_sign_of_the_medians_is_explained():
    before, after = [100, 100, 544, 545, 546], [98, 99, 549, 100, 1000]  # medians 544 and 100, and most pairs rise
    pairs = compare(side("a", *map(float, before)), side("b", *map(float, [101, 102, 100, 549, 550])), paired=True)
    same = compare(side("a", *map(float, before)), side("b", *map(float, after)), paired=True)

    for found in (pairs, same):
        (row,) = found.rows
        differs = row.change * (row.values[1] - row.values[0]) < 0
        assert ("another sign than the difference" in compared(found)) == differs
    assert pairs.rows[0].change > 0 > pairs.rows[0].values[1] - pairs.rows[0].values[0]


def test_what_has_no_interval_is_not_drawn():
    assert effects([compare(side("a", 1000), side("b", 1100))]) == []


def test_what_has_no_ratio_is_drawn_in_its_unit():
    (figure,) = effects([compare(side("a", *[-1e6, 0.0, 1e6] * 3), side("b", *[1e6, 2e6, 3e6] * 3))])

    assert figure.x.label == "change of B against A, ms"
    assert figure.series[-1].points[0].x == pytest.approx(2.0)
