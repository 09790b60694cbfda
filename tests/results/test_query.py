"""Runs as Arrow tables, and SQL over them."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest

from inference_bench.cli import main
from inference_bench.errors import InvalidValueError, RunFormatError, UsageError
from inference_bench.results.tables import TABLE_NAMES, load_runs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with two real runs of the null model."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "inference_bench", "run", "--model", "null", "--benchmark", "inference_speed"]
    options = ["--input-lengths", "8,16", "--new-tokens", "4", "--budget", "1", "--output", str(folder)]
    for _ in range(2):
        subprocess.run([*command, *options], check=True, capture_output=True)
    return folder


def test_every_row_says_its_run(root):
    tables = load_runs(root)
    ids = {path.name for path in root.iterdir()}

    assert set(tables.summaries["run_id"].to_pylist()) == ids
    assert set(tables.samples["run_id"].to_pylist()) == ids
    assert tables.problems == []


def test_tables_are_read_when_they_are_used(root, monkeypatch):
    monkeypatch.setattr("inference_bench.results.run.Run._table", pytest.fail)

    assert load_runs(root).summaries.num_rows > 0


def test_a_run_that_is_found_twice_counts_once(root):
    assert load_runs(root, root / "*").summaries.num_rows == load_runs(root).summaries.num_rows


def test_a_lost_file_is_a_problem_not_the_end(root, tmp_path):
    import shutil

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


def ask(capsys, *words):
    code = main(["query", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


MEDIANS = """
    SELECT axis_input_length AS length, count(DISTINCT run_id) AS runs FROM summaries
    WHERE metric = 'ttft' GROUP BY ALL ORDER BY ALL
"""


def test_json(root, capsys):
    code, out, _ = ask(capsys, MEDIANS, root, "--format", "json")

    assert code == 0
    assert orjson.loads(out) == [{"length": 8, "runs": 2}, {"length": 16, "runs": 2}]


def test_csv_and_table(root, capsys):
    assert ask(capsys, MEDIANS, root, "--format", "csv")[1] == "length,runs\n8,2\n16,2\n"
    table = ask(capsys, MEDIANS, root)[1]
    assert [line.split() for line in table.splitlines()][-2:] == [["8", "2"], ["16", "2"]]


def test_parquet(root):
    import pyarrow.parquet as pq

    command = [sys.executable, "-m", "inference_bench", "query", "SELECT value FROM samples", str(root)]
    done = subprocess.run([*command, "--format", "parquet"], check=True, capture_output=True)

    assert pq.read_table(io.BytesIO(done.stdout))["value"] == load_runs(root).samples["value"]


def test_samples_join_summaries(root, capsys):
    sql = """
        SELECT count(*) AS wrong FROM (
            SELECT quantile_disc(value, 0.5) AS median, any_value(p50) AS p50
            FROM samples JOIN summaries USING (run_id, case_id, metric, phase)
            WHERE stage = 'measured' GROUP BY run_id, case_id, metric, phase
        ) WHERE median <> p50
    """

    assert orjson.loads(ask(capsys, sql, root, "--format", "json")[1]) == [{"wrong": 0}]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT nothing_such FROM summaries", "nothing_such"),
        ("SELEKT 1", "syntax"),
        ("SELECT * FROM smples", "smples"),
    ],
)
def test_a_wrong_query_is_one_line(root, capsys, sql, told):
    code, out, err = ask(capsys, sql, root)

    assert (code, out) == (2, "")
    assert told in err and err.count("\n") == 1
    assert all(name in err for name in TABLE_NAMES)


def test_an_unknown_format(root, capsys):
    assert "did you mean 'csv'" in ask(capsys, "SELECT 1", root, "--format", "csw")[2]


def test_without_duckdb_the_message_says_what_to_install(root, monkeypatch):
    from inference_bench.results.query import query

    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(UsageError, match=r"pip install 'inference-bench\[duckdb\]'"):
        query("SELECT 1", load_runs(root))


def test_axes_of_mixed_types_become_text():
    from inference_bench.plan import Case
    from inference_bench.result import BenchmarkResult, RunRecord, Status
    from inference_bench.results.run import Run
    from inference_bench.results.tables import RunTables
    from inference_bench.spec import Setup

    case = Case("tiny", "speed", Setup(threads=1), {"size": 1})
    results = [BenchmarkResult(replace(case, parameters={"size": size}), Status.OK) for size in (1, "large")]
    table = RunTables([Run(RunRecord("r", "2026-11-23T20:15:30+00:00", {}, {}), tuple(results))]).summaries

    assert table["axis_size"].to_pylist() == ["1", "large"]
