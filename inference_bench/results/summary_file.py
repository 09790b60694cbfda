"""``summaries.parquet``: the rows of ``results.csv`` with their types, so that many runs open without their JSON.

``results.json`` stays the truth. The file follows from it, is written with every case, and is read only if it is whole
and has every case that ``run.json`` says has ended; otherwise the summaries come from ``results.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.machines import node_of
from inference_bench.results.parquet_table import VERSION, decode, encode
from inference_bench.results.summary_table import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from inference_bench.results.storage import Folder

FILE = "summaries.parquet"
_CASE = "case_id"
Row = dict[str, object]


def summary_rows(result: BenchmarkResult, record: RunRecord) -> Iterator[Row]:
    """Yield the rows of one case: those of ``results.csv``, with the time and the node of the run before them."""
    for row in rows(result, record):
        yield {"created_utc": record.created_utc, "node": node_of(record) or None, **row}


def summary_table(found: Sequence[Mapping[str, object]]) -> pa.Table:
    """Return rows as a table with the union of their columns; what a row lacks is null."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in found for name in row)
    return pa.table({name: _array([row.get(name) for row in found]) for name in names})


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables; a column that has several types becomes text."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        return summary_table([row for table in tables for row in table.to_pylist()])


def write_summaries(folder: Path, found: Iterable[Mapping[str, object]]) -> None:
    """Write or replace the file.

    Raises:
        InferenceBenchError: the file system refused.
    """
    table = summary_table(list(found)).replace_schema_metadata({VERSION: str(SCHEMA_VERSION)})
    write_atomically(folder / FILE, encode(table, checksums=True))


def read_summaries(folder: Folder, record: RunRecord) -> pa.Table | None:
    """Return the table of a run; None if there is none that can be relied on.

    Args:
        folder: of the run.
        record: its ``run.json``.

    Raises:
        StorageError: the store cannot be reached or refuses.
    """
    try:
        data = (folder / FILE).read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None
    table = _decoded(data)
    if table is None or table.column_names.count(_CASE) + (not table.num_columns) != 1:
        return None
    known = set(table[_CASE].to_pylist()) if table.num_columns else set()
    ended = {str(case["id"]) for case in record.cases if case.get("status") != "pending"}
    return table if known == ended else None


def _decoded(data: bytes) -> pa.Table | None:
    """Return the table of a file's bytes; None if they are damaged, or of another version."""
    import pyarrow as pa

    try:
        table = decode(data, checksums=True)
        table.validate(full=True)
        _ = table.column_names  # decoded here, where they may be no UTF-8
        version = (table.schema.metadata or {}).get(VERSION.encode())
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    return table.replace_schema_metadata() if version == str(SCHEMA_VERSION).encode() else None


def _array(column: list[object]) -> pa.Array:
    """Return a column as an array; mixed types (an axis with numbers in one run, names in another) become text."""
    import pyarrow as pa

    try:
        return pa.array(column)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in column])
