"""A run that older code wrote reads as before, and an equal run is written to the same bytes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference_bench.columns import RUN_COLUMNS, TABLES, columns_of
from inference_bench.errors import RunFormatError
from inference_bench.provenance.record import Provenance
from inference_bench.results.parquet_table import encode
from inference_bench.results.run import load_run
from inference_bench.results.sink import open_sinks
from inference_bench.results.tables import load_runs
from tests.stored_run import CASE, FOLDER, MEMORY, RECORD, RESULT, RESULT_IN_JSON, SAMPLES, SCORES

IN_MEMORY = {"samples": SAMPLES, "memory": MEMORY, "scores": SCORES}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    sink = open_sinks(folder)
    sink.begin(RECORD)
    sink.write(RESULT, RECORD)
    sink.finish(RECORD)
    return folder


def test_record_and_results_read_as_before():
    run = load_run(FOLDER)

    assert run.record == RECORD
    assert run.record.provenance == Provenance()
    (found,) = run.results
    for name in ("case", "status", "summaries", "model", "workers", "notes", "failure"):
        assert getattr(found, name) == getattr(RESULT_IN_JSON, name)


@pytest.mark.parametrize("name", IN_MEMORY)
def test_every_value_reads_as_before(name):
    table = load_run(FOLDER).table(CASE.id, name)

    of_run = [each.name for each in RUN_COLUMNS]
    assert table.column_names == ["case_id", *(each.name for each in columns_of(TABLES[name])), *of_run]
    assert all(table[column].null_count == len(table) for column in of_run)
    assert table["case_id"].to_pylist() == [CASE.id] * len(IN_MEMORY[name])
    for column in columns_of(TABLES[name]):
        values = getattr(IN_MEMORY[name], column.name).tolist()
        expected = [None if column.missing is not None and value == column.missing else value for value in values]
        assert table[column.name].to_pylist() == expected


@pytest.mark.parametrize("name", sorted(TABLES.keys() - IN_MEMORY.keys()))
def test_a_table_that_is_newer_than_the_run_counts_as_not_measured(name):
    with pytest.raises(RunFormatError, match=f"has no {name}"):
        load_run(FOLDER).table(CASE.id, name)


def test_old_and_new_runs_are_one_table(written):
    tables = load_runs(FOLDER, written)

    assert tables.problems == []
    assert tables.samples.num_rows == len(SAMPLES)  # of one run: both have the same id


@pytest.mark.parametrize("name", IN_MEMORY)
def test_an_equal_run_is_written_to_the_same_bytes(written, name):
    (old,), (new,) = ((folder / name).iterdir() for folder in (FOLDER, written))
    writer = pq.ParquetFile(old).metadata.created_by
    if writer != f"parquet-cpp-arrow version {pa.__version__}":
        pytest.skip(f"the stored file is from {writer}")

    without = pq.read_table(new).drop_columns([each.name for each in RUN_COLUMNS])  # added later, as was the engine
    facts = {key: value.replace(b',"engine":"auto"', b"") for key, value in without.schema.metadata.items()}
    without = without.replace_schema_metadata(facts)
    assert new.name == old.name
    assert bytes(encode(without)) == old.read_bytes()
