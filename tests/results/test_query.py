"""SQL over runs."""

from __future__ import annotations

import io
import subprocess
import sys

import orjson
import pytest

from inference_bench.cli import main
from inference_bench.errors import UsageError
from inference_bench.results.tables import TABLE_NAMES, load_runs
from tests.null_runs import write_null_runs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_null_runs(tmp_path_factory.mktemp("runs"), 2)


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

    with pytest.raises(UsageError, match=r"^query needs duckdb, which is not installed: pip install 'duckdb>=1.1'$"):
        query("SELECT 1", load_runs(root))


FILE_ACCESS = (
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_parquet('{folder}/*/samples/*.parquet')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/*')",
    "ATTACH '{folder}/other.db'",
    "EXPORT DATABASE '{folder}/out'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SELECT * FROM table",
    "SELECT * FROM words",
    "SELECT * FROM tables",
)


@pytest.mark.parametrize("sql", FILE_ACCESS)
def test_a_query_reaches_nothing_but_the_tables(root, tmp_path, capsys, sql):
    words, table = {"secret"}, load_runs(root).samples
    assert len(words) == 1
    assert table.num_rows

    code, out, told = ask(capsys, sql.format(folder=tmp_path), root)

    assert (code, out) == (2, ""), told
    assert told.startswith("error: ")
    assert "unexpected" not in told
    assert list(tmp_path.iterdir()) == []


def test_text_that_a_spreadsheet_takes_for_a_formula_is_told_from_one(root, capsys):
    sql = "SELECT '=cmd|x!A0' AS \"=1+1\", '@SUM(1)' AS at, '-1' AS minus, -1 AS number, '\x1b[31mred\u202e' AS red"
    _, out, _ = ask(capsys, sql, root, "--format", "csv")

    assert out.splitlines() == ["'=1+1,at,minus,number,red", "'=cmd|x!A0,'@SUM(1),'-1,-1,red"]
