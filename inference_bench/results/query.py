"""SQL over runs: DuckDB queries the Arrow tables in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inference_bench.errors import UsageError
from inference_bench.extras import needed_by
from inference_bench.results.tables import TABLE_NAMES

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from inference_bench.results.tables import RunTables


def query(sql: str, tables: RunTables) -> pa.Table:
    """Return the answer to a query over ``summaries``, ``samples``, ``memory`` and ``scores``.

    Only tables that the query names are read; the query itself can neither read nor write a file.

    Raises:
        UsageError: DuckDB is not installed or rejects the query.
    """
    duckdb = _duckdb()
    words = set(re.findall(r"\w+", sql.lower()))
    try:
        with duckdb.connect() as connection:
            for name in words.intersection(TABLE_NAMES):
                table = getattr(tables, name)
                if table.num_columns:  # DuckDB cannot register a table without columns
                    connection.register(name, table)
            _restrict(connection)
            answer = connection.sql(sql)
            if answer is None:  # DuckDB 1 on a statement such as SET; DuckDB 2 answers with an empty table
                raise UsageError("the statement returns nothing: expected a query, such as SELECT … FROM summaries.")
            return answer.to_arrow_table()
    except duckdb.Error as error:
        raise UsageError(f"DuckDB rejects the query: {_first_line(error)} Tables: {', '.join(TABLE_NAMES)}.") from error


def _restrict(connection: DuckDBPyConnection) -> None:
    """Leave a query the registered tables only: no files, no network, no extensions, no variables of this process."""
    connection.execute("SET autoinstall_known_extensions = false")  # a missing extension is an error, not a download
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _duckdb() -> ModuleType:
    with needed_by("query"):
        import duckdb
    return duckdb


def _first_line(error: Exception) -> str:
    """Return DuckDB's message without its excerpt of the query; its suggestion of a name stays."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("LINE ", "^"))]
    return " ".join(told).rstrip(".") + "."
