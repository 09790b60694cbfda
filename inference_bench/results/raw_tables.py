"""``samples/*.parquet``, ``memory/*.parquet`` and ``scores/*.parquet``: the files of a case's raw observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.columns import TABLES
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.parquet_table import CASE, CASE_ID_KEY, VERSION, encode, to_arrow
from inference_bench.results.run_folder import table_file
from inference_bench.results.serialization import case_to_plain, plain, run_cells

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.plan import Case


def make_folders(folder: Path) -> None:
    """Make the folder of each table in the folder of a run."""
    for name in TABLES:
        (folder / name).mkdir(exist_ok=True)


def write_tables(folder: Path, result: BenchmarkResult, record: RunRecord) -> dict[Path, bool]:
    """Write each table that a case has, and return the file of every table with whether the case has it."""
    metadata, of_run = _metadata(result.case, record), run_cells(record.provenance)
    files = {}
    for name in TABLES:
        path, columns = folder / table_file(name, result.case), getattr(result, name)
        files[path] = columns is not None
        if columns is not None:
            write_atomically(path, encode(to_arrow(columns, result.case.id, metadata, of_run)))
    return files


def _metadata(case: Case, record: RunRecord) -> dict[str, str]:
    """Return what makes a file meaningful after it was copied out of its folder."""
    import orjson

    return {
        VERSION: str(SCHEMA_VERSION),
        "inference_bench.run_id": plain(record.id),
        CASE_ID_KEY.decode(): case.id,
        CASE.decode(): orjson.dumps(case_to_plain(case)).decode(),
        "inference_bench.clock": orjson.dumps(plain(record.clock)).decode(),
    }
