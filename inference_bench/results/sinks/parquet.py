"""``samples/*.parquet``, ``memory/*.parquet`` and ``scores/*.parquet``: one file per case, every raw observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.columns import TABLES
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, RunRecord
from inference_bench.results.atomic_file import write_atomically
from inference_bench.results.parquet_table import CASE, CASE_ID_KEY, VERSION, encode, to_arrow
from inference_bench.results.run_folder import table_file
from inference_bench.results.serialization import case_to_plain, plain, run_cells
from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.plan import Case


class ParquetSink(Sink):
    """Writes the files of a case once, when it ends."""

    def begin(self, record: RunRecord) -> None:
        """Make the folders."""
        self._stale: set[Path] = set()
        for name in TABLES:
            (self.folder / name).mkdir(exist_ok=True)

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Write each table that the case has; a file without data any more is deleted at the end of the run."""
        metadata, of_run = _metadata(result.case, record), run_cells(record.provenance)
        for name in TABLES:
            path, columns = self.folder / table_file(name, result.case), getattr(result, name)
            if columns is None:
                self._stale.add(path)
            else:
                write_atomically(path, encode(to_arrow(columns, result.case.id, metadata, of_run)))
                self._stale.discard(path)

    def finish(self, record: RunRecord) -> None:
        """Delete the files that results.json named earlier and no longer names."""
        for path in self._stale:
            path.unlink(missing_ok=True)


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
