"""``summaries.parquet`` gives what ``results.json`` gives, and is read only where it can be relied on."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from inference_bench.results.opened_run import open_run, opened
from inference_bench.results.run import load_run
from inference_bench.results.sink import open_sinks
from inference_bench.results.summary_file import FILE, joined, read_summaries, summary_table
from inference_bench.results.tables import load_runs
from inference_bench.testing import make_case, make_record, make_result, write_run
from tests.null_runs import write_null_runs


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    (folder,) = write_null_runs(tmp_path_factory.mktemp("runs"), 1).iterdir()
    return folder


@pytest.fixture
def folder(measured, tmp_path):
    return shutil.copytree(measured, tmp_path / measured.name)


def test_it_has_the_rows_columns_and_types_of_the_results(measured):
    run = load_run(measured)
    assert read_summaries(measured, run.record).equals(opened(run).summaries)
    assert open_run(measured).summaries.num_rows == sum(len(result.summaries) for result in run.results) > 0


def test_results_are_not_read_until_they_are_needed(folder):
    (folder / "results.json").write_text("no JSON")
    tables = load_runs(folder)
    assert tables.summaries.num_rows > 0
    assert tables.problems == []
    assert tables.samples.num_rows == 0
    (problem,) = tables.problems
    assert "results.json" in problem


def damaged(path):
    path.write_bytes(path.read_bytes()[:-40])


def of_another_version(path):
    pq.write_table(pq.read_table(path).replace_schema_metadata({"inference_bench.schema_version": "99"}), path)


def without_a_case(path):
    table = pq.read_table(path)
    first = table["case_id"][0].as_py()
    pq.write_table(table.filter(pc.not_equal(table["case_id"], first)), path)


def without_columns(path):
    pq.write_table(pq.read_table(path).select([]), path)


@pytest.mark.parametrize("change", [damaged, of_another_version, without_a_case, without_columns, lambda p: p.unlink()])
def test_where_it_cannot_be_relied_on_the_results_are_read(folder, change):
    expected = open_run(folder).summaries
    change(folder / FILE)
    assert read_summaries(folder, load_run(folder).record) is None
    assert load_runs(folder).summaries.equals(expected)


def test_resuming_writes_it_anew(folder):
    expected = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(b"damaged")
    open_sinks(folder, ["summaries"]).begin(load_run(folder).record)
    assert (folder / FILE).read_bytes() == expected


def test_an_axis_with_numbers_in_one_run_and_names_in_another_becomes_text(tmp_path):
    for size in (1, "large"):
        write_run(tmp_path, make_result({"ttft": [[5] * 9]}, case=make_case(size=size)))
    assert sorted(load_runs(tmp_path).summaries["axis_size"].to_pylist()) == ["1", "large"]


def test_runs_with_other_columns_are_joined_with_nulls():
    table = joined([summary_table([{"a": 1}]), summary_table([]), summary_table([{"a": 2.5, "b": "x"}])])
    assert table.to_pylist() == [{"a": 1.0, "b": None}, {"a": 2.5, "b": "x"}]


def test_a_run_that_has_just_begun_has_no_rows(tmp_path):
    record = replace(make_record(), finished=False)
    sinks = open_sinks(tmp_path)
    sinks.begin(record)
    assert open_run(tmp_path).summaries.num_rows == 0
