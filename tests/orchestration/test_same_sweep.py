"""A sweep on a store is the plan measured here, but for times; read by our commands, by DuckDB and by pandas."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from inference_bench.results.discovery import open_runs
from inference_bench.results.sweep_file import ShareStatus
from inference_bench.results.tables import load_runs
from inference_bench.spec import Setup, Spec
from tests.command_line import call
from tests.pages import ROOT, blocks
from tests.same_but_times import differences, rows_but_times, table_differences
from tests.swept_plans import COUNTED, measured, swept

PLAN = Spec(
    ("null", "good"),
    ("inference_speed",),
    setups=(Setup(threads=1), Setup(threads=2)),
    axes={"input_length": (8, 16, 32), "new_tokens": (4,)},
    runs=2,
    limits=COUNTED,
)
PAGE = ROOT / "docs" / "results.md"


@pytest.fixture(scope="module")
def here(tmp_path_factory, bad_models):
    return measured(PLAN, tmp_path_factory.mktemp("here"), [bad_models])


@pytest.fixture(scope="module")
def sweep(object_server, tmp_path_factory, bad_models):
    """The address of the sweep, measured on this machine as the only node."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("driver"))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        object_server.empty()
        folder, record = swept(PLAN, object_server.place("team"), "local", [bad_models])
    assert {share.status for share in record.shares} == {ShareStatus.ENDED}
    return str(folder)


def test_every_case_has_the_same_result_but_for_times(here, sweep):
    runs = open_runs(sweep, pytest.fail)
    assert sum(len(run.results) for run in runs) == len(here.results) == 12
    assert differences(runs, [here]) == []


def test_every_table_has_the_same_columns_types_and_rows_but_for_times(here, sweep):
    ours, theirs = load_runs(sweep), load_runs(here.folder)
    assert table_differences(ours, theirs) == []
    assert ours.problems == theirs.problems == []
    assert len(rows_but_times("samples", ours.samples)) == ours.samples.num_rows > 12 * 8


def test_other_measurements_are_told_apart(here, tmp_path, bad_models):
    """The comparison can fail: another plan, and another number of samples."""
    other = Spec(("good",), PLAN.benchmarks, PLAN.setups, {"input_length": (8, 9), "new_tokens": (5,)}, limits=COUNTED)
    found = differences([measured(other, tmp_path, [bad_models])], [here])
    assert [line for line in found if line.startswith("only one has ")]
    fewer = load_runs(here.folder)
    fewer.__dict__["samples"] = fewer.samples.slice(1)
    assert [line for line in table_differences(fewer, load_runs(here.folder)) if line.startswith("samples: ")]


def test_our_commands_read_it(here, sweep):
    shown = call("query", "SELECT count(DISTINCT case_id) AS cases FROM summaries", sweep, "--format", "csv")
    assert (shown.code, shown.out) == (0, "cases\n12\n"), shown.err
    shown = call("report", sweep)
    assert shown.code == 0, shown.err
    assert "2 of 2 shares ended" in shown.out


# ---- the documented lines, as they stand on the page


def documented(language, *words):
    """Return the blocks of docs/results.md about a store that contain these words, in a language."""
    found = [block.text for block in blocks(PAGE) if block.language == language]
    return [text for text in found if "s3://bucket/team" in text and all(word in text for word in words)]


def same(table: pa.Table, ours: pa.Table) -> bool:
    """Return whether another reader gives the values that we give, times included."""
    columns = [column for column in ours.column_names if column not in ("run_id", "node")]
    rows = [sorted(map(repr, of.select(columns).to_pylist())) for of in (table, ours)]
    return rows[0] == rows[1]


def test_pandas_and_duckdb_read_it_by_the_documented_python(sweep):
    (text,) = documented("python", "pandas")
    folder, _, query = sweep.partition("?")
    names: dict[str, Any] = {}
    exec(text.replace("s3://bucket/team", f"{folder.rpartition('/')[0]}?{query}"), names)
    ours = load_runs(sweep).samples
    frame, counts = names["frame"], names["counts"]
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == ours.num_rows
    assert frame.groupby("case_id", observed=True)["value"].sum().to_dict() == _sums(ours)
    assert set(frame["run_id"]) == {"20261127T120000Z-0000aa-sweep"}
    assert set(frame["share"]) == {0, 1}
    assert sum(row[-1] for row in counts.fetchall()) == ours.num_rows


def _sums(samples):
    return dict(duckdb.sql("SELECT case_id, sum(value) FROM samples GROUP BY ALL").fetchall())


@pytest.fixture
def copied(sweep, object_server, tmp_path):
    """The objects as files, for a DuckDB that has no extension for stores."""
    for name, data in object_server.objects("team").items():
        path = tmp_path / "team" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "team"


def test_duckdb_reads_it_by_the_documented_sql(sweep, copied):
    ours = load_runs(sweep)
    statements = [text for block in documented("sql") for text in block.split(";")]
    (samples,) = [text for text in statements if "samples/*.parquet" in text]
    (summaries,) = [text for text in statements if "summaries.parquet" in text]
    found = duckdb.sql(samples.replace("s3://bucket/team", str(copied))).fetchall()
    medians = "SELECT case_id, quantile_disc(value, 0.5) FROM raw WHERE stage = 'measured' GROUP BY ALL"
    raw = ours.samples
    assert raw.num_rows > 0
    assert sorted(row[-2:] for row in found) == sorted(duckdb.sql(medians).fetchall())
    found = duckdb.sql(summaries.replace("s3://bucket/team", str(copied))).fetchall()
    assert len(found) == 12


def test_a_folder_of_any_table_reads_as_one(copied, sweep):
    ours = load_runs(sweep)
    table = duckdb.sql(f"SELECT * FROM read_parquet('{copied}/*/*/*/samples/*.parquet')").to_arrow_table()
    assert same(table, ours.samples)


def test_what_was_copied_to_a_disk_reads_as_the_store(copied, sweep):
    assert table_differences(load_runs(copied), load_runs(sweep)) == []
