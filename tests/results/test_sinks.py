from __future__ import annotations

import csv
import os
from dataclasses import replace

import duckdb
import numpy as np
import orjson
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_bench.analysis.trust.case import judged
from inference_bench.errors import RunFormatError, UnknownNameError
from inference_bench.plan import Case
from inference_bench.plugins import names_in
from inference_bench.result import (
    BenchmarkResult,
    Estimate,
    Failure,
    MemoryTimeline,
    RunRecord,
    Samples,
    Status,
    Summary,
)
from inference_bench.results.run import load_run
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import PACKAGE, load_sink, open_sinks
from inference_bench.spec import Setup

RECORD = RunRecord("20261123T201530Z-3fa9c1", "2026-11-23T20:15:30+00:00", {}, {}, clock={"source": "tsc"})
SHORT = Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 32})
LONG = Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 128, "n": "an axis named like a column"})
MODEL = {"title": "Tiny", "weights": {"source": "random", "label": "seeded", "trained": False, "digest": ""}}


def summary(**changes):
    quantiles = {
        "p50": Estimate(5e6, 4.9e6, 5.2e6, "order statistics"),
        "p90": Estimate(6e6, 5.5e6, None, "order statistics", 36),
        "p99": Estimate(None, None, None, "", 368),
        "p99.9": Estimate(None, None, None, "", 3688),
    }
    given = {
        "metric": "ttft",
        "phase": "prefill",
        "n": 40,
        "runs": 1,
        "scope": "run",
        "level": 0.95,
        "cold": 9e6,
        "minimum": 4e6,
        "maximum": 6e6,
        "mean": 5.1e6,
        "quantiles": quantiles,
        "autocorrelation": None,
        "effective_n": 40.0,
        "outliers_mild": 0,
        "outliers_severe": 0,
        "converged": True,
        "stop_reason": "precise enough",
    }
    return Summary(**given | changes)


def samples(rows=6):
    count = np.arange(rows)
    return Samples(
        run=np.zeros(rows, np.int32),
        iteration=count.astype(np.int32),
        step=np.where(count % 2, count, -1).astype(np.int32),
        metric=np.where(count % 2, "itl", "ttft"),
        phase=np.where(count % 2, "decode", "prefill"),
        stage=np.where(count == 0, "cold", "measured"),
        start_ns=np.where(count == 1, -1, count + (1 << 60)).astype(np.int64),
        value=(count + (1 << 53) + 1).astype(np.int64),  # beyond what a double holds
        loader=np.where(count == 1, "", "none"),
        interference=np.where(count == 2, "gc", ""),
    )


def memory(rows=4):
    count = np.arange(rows)
    return MemoryTimeline(
        run=np.zeros(rows, np.int32),
        time_ns=count.astype(np.int64),
        phase=np.full(rows, "load"),
        rss_bytes=(count * 1000).astype(np.int64),
        cgroup_bytes=np.full(rows, -1, np.int64),
        probe_cost_ns=np.full(rows, 900, np.int64),
    )


def result(case=SHORT, **changes):
    given = {"status": Status.OK, "summaries": (summary(),), "samples": samples(), "memory": memory(), "model": MODEL}
    return judged(BenchmarkResult(case, **given | changes), RECORD)


CRASHED = judged(BenchmarkResult(LONG, Status.CRASHED, failure=Failure("killed by signal 11", exit_status=-11)), RECORD)


@pytest.fixture
def folder(tmp_path):
    return create_run_folder(tmp_path)


@pytest.fixture
def sink(folder):
    sink = open_sinks(folder)
    sink.begin(RECORD)
    return sink


def rows_of(folder):
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_columns(result):
    return replace(result, samples=None, memory=None)


# All sinks


def test_unknown_sink_is_named(folder):
    with pytest.raises(UnknownNameError, match="unknown sink 'parket': did you mean 'parquet'"):
        open_sinks(folder, ["parket"])


@pytest.mark.parametrize("name", [sink.name for sink in map(load_sink, names_in(PACKAGE)) if sink.by_default])
def test_each_sink_works_alone(folder, name):
    sink = open_sinks(folder, [name])
    sink.begin(RECORD)
    sink.write(result(), RECORD)
    sink.finish(RECORD)

    assert any(path.is_file() for path in folder.rglob("*"))


def test_the_folder_is_a_run_from_the_beginning(folder, sink):
    assert load_run(folder).results == ()
    assert rows_of(folder) == []


def test_each_case_is_on_disk_when_it_ends(folder, sink):
    sink.write(result(), RECORD)
    assert load_run(folder).results == (without_columns(result()),)

    sink.write(CRASHED, RECORD)
    assert load_run(folder).results == (without_columns(result()), CRASHED)


def test_the_same_case_replaces_its_former_self(folder, sink):
    sink.write(result(), RECORD)
    sink.write(CRASHED, RECORD)
    again = result(summaries=(summary(n=80, runs=2), summary(metric="e2e", phase="")), samples=samples(12))
    sink.write(again, RECORD)

    run = load_run(folder)
    assert run.results == (without_columns(again), CRASHED)
    assert [(row["metric"], row["n"]) for row in rows_of(folder)] == [("ttft", "80"), ("e2e", "40"), ("", "")]
    assert run.samples(SHORT.id).num_rows == 12


def test_a_later_process_goes_on_where_the_first_was_killed(folder, sink):
    sink.write(result(), RECORD)

    second = open_sinks(folder)
    second.begin(RECORD)
    second.write(CRASHED, RECORD)
    second.finish(replace(RECORD, finished=True))

    run = load_run(folder)
    assert run.record.finished
    assert run.results == (without_columns(result()), CRASHED)
    assert [row["status"] for row in rows_of(folder)] == ["ok", "crashed"]


@pytest.mark.parametrize("writes_before_kill", range(5))
def test_a_kill_at_any_write_leaves_a_readable_run(folder, sink, monkeypatch, writes_before_kill):
    sink.write(CRASHED, RECORD)
    replace_file, done = os.replace, []

    def killed(source, target):
        if len(done) == writes_before_kill:
            raise KeyboardInterrupt
        done.append(target)
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        sink.write(result(), RECORD)

    run = load_run(folder)
    assert CRASHED in run.results
    for found in run.results[1:]:
        assert run.samples(found).num_rows == 6
        assert run.memory(found).num_rows == 4
    assert {row["case_id"] for row in rows_of(folder)} >= {LONG.id}
    assert not list(folder.rglob("*.tmp"))


def test_data_that_a_case_lost_are_gone_at_the_end(folder, sink):
    sink.write(result(), RECORD)
    sink.write(without_columns(result()), RECORD)
    sink.finish(RECORD)

    assert not list(folder.glob("*/*.parquet"))


ODD = st.one_of(
    st.sampled_from(
        ["[red]", "<script>", "a|b", "../../etc", "naïve 模型", "=1+1", '"', "a,b\n", "\x1b[31m", ".", "p50"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300),
)


@settings(deadline=None, max_examples=40)
@given(model=ODD, benchmark=ODD, axis=ODD, value=ODD, note=st.text(), cause=st.text())
def test_any_name_survives(tmp_path_factory, model, benchmark, axis, value, note, cause):
    case = Case(model, benchmark, Setup(), {axis: value})
    written = result(case, notes=(note,), failure=Failure(cause), status=Status.FAILED)
    folder = create_run_folder(tmp_path_factory.mktemp("runs"))
    sink = open_sinks(folder)
    sink.begin(RECORD)
    sink.write(written, RECORD)

    run = load_run(folder)
    assert run.results[0].case == case
    assert run.samples(case.id).num_rows == 6
    (row,) = rows_of(folder)
    assert row["case_id"] == case.id
    assert len((folder / "results.csv").read_text(encoding="utf-8").splitlines()) == 2


# results.json


def test_json_states_units_and_files(folder, sink):
    sink.write(result(), RECORD)

    document = orjson.loads((folder / "results.json").read_bytes())

    (entry,) = document["results"]
    assert (document["schema_version"], document["run"]) == (1, RECORD.id)
    assert (entry["summaries"][0]["unit"], entry["summaries"][0]["better"]) == ("ns", "lower")
    assert entry["summaries"][0]["quantiles"]["p99"]["value"] is None
    assert (folder / entry["samples"]).is_file()
    assert (folder / entry["memory"]).is_file()


def test_json_reads_in_duckdb(folder, sink):
    sink.write(result(), RECORD)
    sink.write(CRASHED, RECORD)

    query = "SELECT r.case.id, r.status FROM (SELECT unnest(results) AS r FROM read_json($path))"
    found = duckdb.execute(query, {"path": str(folder / "results.json")}).fetchall()

    assert found == [(SHORT.id, "ok"), (LONG.id, "crashed")]


# results.csv


def test_csv_in_pandas(folder, sink):
    sink.write(result(), RECORD)
    sink.write(CRASHED, RECORD)

    table = pd.read_csv(folder / "results.csv")

    assert table["case_id"].tolist() == [SHORT.id, LONG.id]
    assert table["axis_input_length"].tolist() == [32, 128]
    assert table["axis_n"].tolist()[1] == "an axis named like a column"
    assert table["p50"].tolist()[0] == 5e6
    assert table[["p90_high", "p99", "p99_9_low"]].iloc[0].isna().all()
    assert not table["trained"].tolist()[0]
    assert table["failure"].tolist()[1] == "killed by signal 11"
    assert np.isnan(table["p50"].tolist()[1])


def test_csv_in_duckdb(folder, sink):
    sink.write(result(), RECORD)

    query = "SELECT n, p50, p99, trained, converged FROM read_csv($path) WHERE unit = 'ns'"
    found = duckdb.execute(query, {"path": str(folder / "results.csv")}).fetchall()

    assert found == [(40, 5e6, None, False, True)]


# samples/ and memory/


def test_parquet_schema(folder, sink):
    sink.write(result(), RECORD)
    run = load_run(folder)

    types = {field.name: str(field.type) for field in run.samples(SHORT.id).schema}
    word = "dictionary<values=string, indices=int32, ordered=0>"
    assert types == {
        "case_id": word,
        "run": "int32",
        "iteration": "int32",
        "step": "int32",
        "metric": word,
        "phase": word,
        "stage": word,
        "start_ns": "int64",
        "value": "int64",
        "loader": word,
        "interference": word,
        "commit": word,
        "changed_files": "int32",
        "label": word,
    }
    types = {field.name: str(field.type) for field in run.memory(SHORT.id).schema}
    assert types == {
        "case_id": word,
        "run": "int32",
        "time_ns": "int64",
        "phase": word,
        "rss_bytes": "int64",
        "cgroup_bytes": "int64",
        "probe_cost_ns": "int64",
        "commit": word,
        "changed_files": "int32",
        "label": word,
    }


def test_parquet_keeps_every_nanosecond_and_turns_minus_one_into_null(folder, sink):
    sink.write(result(), RECORD)
    written, table = samples(), load_run(folder).samples(SHORT.id)

    assert table["value"].to_pylist() == written.value.tolist()
    assert table["metric"].to_pylist() == written.metric.tolist()
    assert table["step"].to_pylist() == [None, 1, None, 3, None, 5]
    assert table["start_ns"].null_count == 1
    assert load_run(folder).memory(SHORT.id)["cgroup_bytes"].null_count == 4


def test_parquet_describes_itself(folder, sink):
    sink.write(result(), RECORD)
    (path,) = (folder / "samples").iterdir()

    file = pq.ParquetFile(path)

    metadata = file.schema_arrow.metadata
    assert metadata[b"inference_bench.schema_version"] == b"1"
    assert metadata[b"inference_bench.run_id"] == RECORD.id.encode()
    assert orjson.loads(metadata[b"inference_bench.case"])["parameters"] == {"input_length": 32}
    assert orjson.loads(metadata[b"inference_bench.clock"]) == {"source": "tsc"}
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_parquet_in_pandas(folder, sink):
    sink.write(result(), RECORD)

    table = pd.read_parquet(folder / "samples")

    assert table["value"].dtype == np.int64
    assert table.query("stage == 'measured'").groupby("metric", observed=True).size().to_dict() == {"itl": 3, "ttft": 2}


def test_parquet_joins_the_table_in_duckdb(folder, sink):
    sink.write(result(), RECORD)
    sink.write(result(LONG), RECORD)

    query = """
        SELECT axis_input_length, count(*) FROM read_parquet($samples)
        JOIN (SELECT DISTINCT case_id, axis_input_length FROM read_csv($table)) USING (case_id)
        WHERE metric = 'ttft' GROUP BY 1 ORDER BY 1
    """
    paths = {"samples": str(folder / "samples" / "*.parquet"), "table": str(folder / "results.csv")}

    assert duckdb.execute(query, paths).fetchall() == [(32, 3), (128, 3)]


def test_no_samples_at_all(folder, sink):
    sink.write(result(samples=samples(0), memory=memory(0)), RECORD)

    assert load_run(folder).samples(SHORT.id).num_rows == 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "missing, although results.json names it"),
        (lambda path: path.write_bytes(path.read_bytes()[:40]), "not readable Parquet"),
    ],
)
def test_a_damaged_parquet_file_is_named(folder, sink, damage, message):
    sink.write(result(), RECORD)
    (path,) = (folder / "samples").iterdir()
    damage(path)

    with pytest.raises(RunFormatError, match=message):
        load_run(folder).samples(SHORT.id)
