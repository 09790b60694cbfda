"""The page of a comparison: words, tones and remarks."""

from __future__ import annotations

import io

import numpy as np
import pytest

from inference_bench.analysis.comparison import compare
from inference_bench.analysis.observations import Observations, Side
from inference_bench.plan import Case
from inference_bench.reports._pages.comparison import page
from inference_bench.reports._render import render
from inference_bench.spec import Setup

BEFORE = [1000.0, 1010.0, 1020.0, 1030.0, 1040.0, 1500.0, 1600.0]
AFTER = [1001.0, 1012.0, 1019.0, 1040.0, 1035.0, 1300.0, 1300.0]
"""The median rises from 1030 to 1035; the changes pair by pair are lower in the middle."""


def compared(before, after):
    case = Case("tiny", "inference_speed", Setup(), {"input_length": 32})
    sides = (
        Side(name, (Observations(case, "ttft", "", {("s", n): 1000 * v for n, v in enumerate(of)}),))
        for name, of in (("A", before), ("B", after))
    )
    return compare(*sides, paired=True)


def shown(found, form="markdown"):
    stream = io.StringIO()
    render(page([found], [()]), form, stream)
    return stream.getvalue()


def test_a_change_against_the_medians_has_a_mark_and_a_footnote():
    found = compared(BEFORE, AFTER)
    (row,) = found.rows

    assert row.values[0] < row.values[1]
    assert row.change < 0
    assert shown(found).count("†") == 2
    assert "† TTFT: the change has another sign" in shown(found)
    assert "†" not in shown(compared(BEFORE, [1.1 * value for value in BEFORE]))


@pytest.mark.parametrize("form", ["console", "markdown", "html"])
def test_an_open_size_is_told_with_its_reason_in_every_format(form, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    rng = np.random.default_rng(0)
    before = 1000 * np.exp(rng.normal(0, 0.05, 12))
    found = compared(before, before * 1.01 * np.exp(rng.normal(0, 0.004, 12)))

    text = shown(found, form)

    assert "SLOWER, by how much is open" in text
    assert "1 worse by how much is open" in text
    assert "By how much is open" in text
    assert "within the margin to beyond it" in text


def test_what_all_cases_share_is_said_once():
    one = compared(BEFORE, AFTER)
    (table,) = page([one], [()]).blocks[0].tables

    assert table.note == "32 tokens"
    assert table.columns[0].heading == "metric"
