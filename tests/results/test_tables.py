"""Runs as Arrow tables."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from inference_bench.errors import InvalidValueError, RunFormatError
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, RunRecord, Status
from inference_bench.results.opened_run import opened
from inference_bench.results.run import Run
from inference_bench.results.tables import RunTables, load_runs
from inference_bench.spec import Setup
from tests.null_runs import write_null_runs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_null_runs(tmp_path_factory.mktemp("runs"), 2)


def test_every_row_says_its_run(root):
    tables = load_runs(root)
    ids = {path.name for path in root.iterdir()}

    assert set(tables.summaries["run_id"].to_pylist()) == ids
    assert set(tables.samples["run_id"].to_pylist()) == ids
    assert tables.problems == []


def test_tables_are_read_when_they_are_used(root, monkeypatch):
    monkeypatch.setattr("inference_bench.results.run.Run.table", pytest.fail)

    assert load_runs(root).summaries.num_rows > 0


def test_a_run_that_is_found_twice_counts_once(root):
    assert load_runs(root, root / "*").summaries.num_rows == load_runs(root).summaries.num_rows


def test_a_lost_file_is_a_problem_not_the_end(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    lost = next((tmp_path / "copy").rglob("samples/*.parquet"))
    lost.unlink()
    tables = load_runs(tmp_path / "copy")

    assert 0 < tables.samples.num_rows < load_runs(root).samples.num_rows
    assert [problem for problem in tables.problems if lost.name in problem and "missing" in problem]


def test_no_place_and_an_empty_place(tmp_path):
    with pytest.raises(InvalidValueError, match="no folder"):
        load_runs()
    with pytest.raises(RunFormatError, match="no run in it"):
        load_runs(tmp_path)


def test_axes_of_mixed_types_become_text():
    case = Case("tiny", "speed", Setup(threads=1), {"size": 1})
    results = [BenchmarkResult(replace(case, parameters={"size": size}), Status.OK) for size in (1, "large")]
    run = Run(RunRecord("r", "2026-11-23T20:15:30+00:00", {}, {}), tuple(results))
    table = RunTables([opened(run)]).summaries

    assert table["axis_size"].to_pylist() == ["1", "large"]
