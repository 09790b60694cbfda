"""Where the time goes, as a part of the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference_bench.reports._pages.breakdown import breakdown_blocks
from inference_bench.reports._pages.run import page
from inference_bench.testing import write_run
from tests.breakdowns import operations, result_with_breakdown
from tests.report_parts import render, speed


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, result_with_breakdown(operations(profiler_cost=1.25)))


def texts(table):
    return [[cell.text for cell in row] for section in table.sections for row in section]


def test_modules_and_operators_have_a_table_each(run):
    (block,) = breakdown_blocks(run)

    assert [table.title for table in block.tables] == [
        "inference speed: modules by self time",
        "inference speed: operators by self time",
    ]
    assert texts(block.tables[0]) == [
        ["decode", "layers.*", "40.0 ms", "40.0% [40.0, 40.0]", "2"],
        ["", "Net", "30.0 ms", "30.0% [30.0, 30.0]", "1"],
        ["", "layers.*.mlp", "20.0 ms", "20.0% [20.0, 20.0]", "2"],
        ["", "not in any module", "10.0 ms", "10.0% [10.0, 10.0]", ""],
        ["", "the whole step", "100 ms", "100 %", ""],
    ]


def test_what_recording_costs_is_said_below(run):
    (block,) = breakdown_blocks(run)
    modules, operators = (table.below[0].text for table in block.tables)

    assert "this alone makes a step longer: decode ×1 [1, 1]" in modules
    assert "hooks and torch.profiler" in operators
    assert "decode ×1.25 [1.25, 1.25]. Mean of 2 of 4 repetitions" in operators


def test_a_run_without_a_breakdown_has_no_such_part(tmp_path):
    assert list(breakdown_blocks(write_run(tmp_path, speed()))) == []


def test_many_parts_are_counted_in_one_row(tmp_path):
    table = operations((1.0,) * 3)
    names = [f"m{row}" if module else "" for row, module in enumerate(table.module)]
    result = result_with_breakdown(replace(table, module=np.array(names)))
    (block,) = breakdown_blocks(write_run(tmp_path, result))
    modules = texts(block.tables[0])

    assert len(modules) == 13
    assert modules[10][1].endswith(" others")
    assert modules[11][1] == "not in any module"


@pytest.mark.parametrize("format", ["console", "markdown", "html"])
def test_every_format_shows_it(run, format):
    text = render(format, run=run)

    assert "Where the time goes" in text
    assert "not in any module" in text
    assert [block.heading.text for block in page(run).blocks][-1] == "Where the time goes"
