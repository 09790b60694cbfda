from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference_bench.columns import TABLES, MemoryColumns, SampleColumns
from inference_bench.errors import RunFormatError
from inference_bench.result import SCHEMA_VERSION, Chunks, Requests, ServerReadings
from inference_bench.results.parquet_table import VERSION, encode, read_table, to_arrow
from tests.breakdowns import operations
from tests.stored_run import CASE, MEMORY, SAMPLES, SCORES

METADATA = {VERSION: str(SCHEMA_VERSION)}
ONE = {"run": 0, "stage": ["measured"], "request": [0]}
REQUESTS = Requests.joined([{**ONE, "planned_ns": [1_000], "sent_ns": [1_200], "outcome": ["timeout"]}])
CHUNKS = Chunks.joined([{**ONE, "chunk": [0], "kind": ["content"], "kernel_ns": [2_000], "read_ns": [2_100]}])


@pytest.fixture
def samples():
    return to_arrow(SAMPLES, CASE.id, METADATA)


@pytest.fixture
def written(tmp_path):
    def write(table):
        pq.write_table(table, tmp_path / "file.parquet")
        return tmp_path / "file.parquet"

    return write


READING = {"time_ns": [5], "took_ns": [2], "series": ["a"], "meaning": [""], "value": [1.5]}
READINGS = ServerReadings.joined([{"run": 0, "stage": ["measured"], **READING}])
IN_MEMORY = {
    "samples": SAMPLES,
    "memory": MEMORY,
    "scores": SCORES,
    "requests": REQUESTS,
    "chunks": CHUNKS,
    "server_readings": READINGS,
    "operations": operations(),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_reads_as_it_was_written(written, name):
    table = to_arrow(IN_MEMORY[name], CASE.id, METADATA)

    assert read_table(written(table), TABLES[name]).equals(table, check_metadata=True)


def test_a_column_that_an_older_file_lacks_reads_as_nulls(samples, written):
    table = read_table(written(samples.drop_columns(["loader", "step"])), SampleColumns)

    assert table["step"].null_count == table["loader"].null_count == len(SAMPLES)
    assert (str(table["step"].type), str(table["loader"].type.value_type)) == ("int32", "string")


def test_a_column_of_a_newer_file_stays(samples, written):
    newer = samples.append_column("later", pa.array(range(len(SAMPLES))))

    assert read_table(written(newer), SampleColumns)["later"].to_pylist() == list(range(len(SAMPLES)))


def test_a_file_without_a_column_that_always_has_a_value_is_refused(samples, written):
    with pytest.raises(RunFormatError, match=r"file\.parquet: no column 'value'\. .*restore it"):
        read_table(written(samples.drop_columns(["value"])), SampleColumns)


def test_a_column_of_another_type_is_refused(samples, written):
    damaged = samples.set_column(samples.column_names.index("run"), "run", samples["run"].cast(pa.float64()))

    with pytest.raises(RunFormatError, match="column 'run' is double, expected int32"):
        read_table(written(damaged), SampleColumns)


def test_the_file_of_another_table_is_refused(samples, written):
    with pytest.raises(RunFormatError, match="no column 'time_ns'"):
        read_table(written(samples), MemoryColumns)


def test_a_file_of_a_newer_version_is_refused(samples, written):
    newer = samples.replace_schema_metadata({VERSION: str(SCHEMA_VERSION + 1)})

    with pytest.raises(RunFormatError, match="Upgrade it"):
        read_table(written(newer), SampleColumns)


def test_parquet_of_another_origin_is_refused(samples, written):
    with pytest.raises(RunFormatError, match="no schema_version in it"):
        read_table(written(samples.replace_schema_metadata()), SampleColumns)


def test_text_as_pandas_and_duckdb_write_it_reads_as_words(tmp_path):
    path = tmp_path / "file.parquet"
    path.write_bytes(encode(to_arrow(SAMPLES, "case", {VERSION: "1"})))
    sound = read_table(path, SampleColumns)
    plain = pa.table(
        {
            name: sound[name].cast(pa.large_string()) if pa.types.is_dictionary(sound[name].type) else sound[name]
            for name in sound.column_names
        }
    ).replace_schema_metadata(sound.schema.metadata)
    path.write_bytes(encode(plain))

    found = read_table(path, SampleColumns)

    assert found.schema.types == sound.schema.types
    assert found.to_pylist() == sound.to_pylist()


def test_reading_starts_no_thread_that_could_outlive_the_interpreter(samples, written):
    path = written(samples)
    code = (
        "import os, pathlib, sys\n"
        "import pyarrow.parquet\n"
        "from inference_bench.columns import SampleColumns\n"
        "from inference_bench.results.parquet_table import read_table\n"
        "before = set(os.listdir('/proc/self/task'))\n"
        "table = read_table(pathlib.Path(sys.argv[1]), SampleColumns)\n"
        "print(len(table), len(set(os.listdir('/proc/self/task')) - before))\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)

    assert done.stdout == f"{len(SAMPLES)} 0\n"
