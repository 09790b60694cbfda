"""One table of one case as a Parquet file: ``inference_bench.columns`` declares its columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inference_bench.columns import CASE_ID, RUN_COLUMNS, Column, Columns, Kind, columns_of, columns_of_file
from inference_bench.errors import RunFormatError
from inference_bench.results.reading import ADVICE
from inference_bench.results.schema_version import check_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from inference_bench.results.storage import Folder

C = TypeVar("C", bound=Columns)

VERSION = "inference_bench.schema_version"
"""Key of the schema's metadata."""
CASE, CASE_ID_KEY = b"inference_bench.case", b"inference_bench.case_id"
"""Keys of the case and its id in the schema's metadata."""


def to_arrow(
    columns: Columns, case_id: str, metadata: Mapping[str, str], of_run: Mapping[str, str | int | None] | None = None
) -> pa.Table:
    """Return columns as an Arrow table; a missing value becomes null, so that no average includes it.

    Args:
        columns: of one case.
        case_id: id of the case.
        metadata: of the schema.
        of_run: values of ``RUN_COLUMNS`` by name; null where it has none.
    """
    import pyarrow as pa

    arrays = {each.name: _array(getattr(columns, each.name), each) for each in columns_of(type(columns))}
    of_all = {each.name: _constant((of_run or {}).get(each.name), len(columns), each) for each in RUN_COLUMNS}
    found = pa.table({CASE_ID.name: _constant(case_id, len(columns), CASE_ID), **arrays, **of_all})
    return found.replace_schema_metadata(dict(metadata))


def encode(table: pa.Table, *, checksums: bool = False) -> memoryview:
    """Return the bytes of a Parquet file, with a checksum of each page if asked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=checksums)
    return memoryview(buffer.getvalue())


def decode(data: bytes, *, checksums: bool = False) -> pa.Table:
    """Return the table of a Parquet file's bytes, read by the calling thread alone.

    A thread of Arrow's that still holds a Python object when the interpreter ends aborts the process
    (apache/arrow#34314, #50482): so neither ``pyarrow.parquet.read_table`` nor a Python file is given to it.

    Raises:
        pyarrow.ArrowException: not readable Parquet.
        OSError: the same, or a page that is not what its checksum says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=checksums)
    return file.read(use_threads=False)


def read_table(path: Folder, columns: type[Columns]) -> pa.Table:
    """Read a case's Parquet file; a column that was added after it was written reads as nulls.

    On a store nobody replaces this object.

    Raises:
        RunFormatError: no readable Parquet, from a newer version, or not the declared columns.
        FileNotFoundError: there is no such file.
    """
    import pyarrow as pa

    if isinstance(path, Path) and path.exists() and not path.is_file():
        raise RunFormatError(f"{path}: not a file, expected Parquet. Restore it, or measure again.")
    try:
        # Arrow itself opens no path that is no UTF-8.
        table = decode(path.read_bytes() if isinstance(path, Path) else path.read_immutable())
        table.validate(full=True)  # words out of range, and bytes that are no UTF-8
        version = (table.schema.metadata or {}).get(VERSION.encode(), b"").decode()
        _ = table.schema.names  # decoded here, where they may be no UTF-8
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RunFormatError(f"{path}: not readable Parquet ({error}). Restore it, or measure again.") from error
    check_version(path, version)
    for column in columns_of_file(columns):
        table = _with_declared(path, table, column)
    return table


def from_arrow(table: pa.Table, kind: type[C]) -> C:
    """Return the columns of a table that was read; a null becomes the missing value of its column."""
    columns: dict[str, Any] = {each.name: _values(table.column(each.name), each) for each in columns_of(kind)}
    return kind(**columns)


def _values(cells: pa.ChunkedArray, column: Column) -> NDArray[np.generic]:
    import pyarrow as pa

    plain = cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells
    filled = plain if column.missing is None else plain.fill_null(column.missing)
    found: NDArray[np.generic] = filled.to_numpy().astype(column.kind.dtype)
    return found


def _with_declared(path: Folder, table: pa.Table, column: Column) -> pa.Table:
    """Return a table that has a column of the declared type, or refuse it."""
    import pyarrow as pa

    expected = _type(column)
    places = [place for place, name in enumerate(table.column_names) if name == column.name]
    if not places and column.missing is not None:
        return table.append_column(column.name, pa.nulls(table.num_rows, expected))
    if len(places) != 1:
        found = f"{len(places)} columns {column.name!r}, expected one" if places else f"no column {column.name!r}"
        raise RunFormatError(f"{path}: {found}. {ADVICE}")
    cells = table.column(places[0])
    if _values_of(cells.type) != _values_of(expected):
        raise RunFormatError(f"{path}: column {column.name!r} is {cells.type}, expected {expected}. {ADVICE}")
    if cells.null_count and column.missing is None:
        raise RunFormatError(f"{path}: column {column.name!r} has {cells.null_count} nulls, expected none. {ADVICE}")
    return table if cells.type == expected else table.set_column(places[0], column.name, _cast(cells, expected))


def _cast(cells: pa.ChunkedArray, expected: pa.DataType) -> pa.ChunkedArray:
    """Return a column as it is stored by this package; pandas and DuckDB write words as plain or large text."""
    import pyarrow as pa

    plain = cells.cast(_values_of(expected))
    return plain.dictionary_encode() if pa.types.is_dictionary(expected) else plain


def _type(column: Column) -> pa.DataType:
    import pyarrow as pa

    values = pa.type_for_alias(column.kind.stored)
    return pa.dictionary(pa.int32(), values) if column.kind is Kind.WORD else values


def _values_of(type: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    values = type.value_type if pa.types.is_dictionary(type) else type
    return pa.string() if pa.types.is_large_string(values) or pa.types.is_string_view(values) else values


def _array(values: NDArray[np.generic], column: Column) -> pa.Array:
    import pyarrow as pa

    mask = None if column.missing is None else values == column.missing
    kind = pa.type_for_alias(column.kind.stored)
    array = pa.array(values.astype(object) if pa.types.is_string(kind) else values, kind, mask=mask)
    return array.dictionary_encode() if column.kind is Kind.WORD else array


def _constant(value: str | int | None, length: int, column: Column) -> pa.Array:
    """Return one value in every row; a word takes a few bytes per file."""
    import pyarrow as pa

    kind = pa.type_for_alias(column.kind.stored)
    if column.kind is not Kind.WORD:
        return pa.repeat(pa.scalar(value, kind), length)
    places = pa.array([None if value is None else 0] * length, pa.int32())
    return pa.DictionaryArray.from_arrays(places, pa.array([] if value is None else [value], kind))
