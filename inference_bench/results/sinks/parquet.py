"""``samples/*.parquet`` and the other tables of ``columns.TABLES``: one file per case, every raw observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from pathlib import Path

    from inference_bench.result import BenchmarkResult, RunRecord


class ParquetSink(Sink):
    """Writes the files of a case once, when it ends."""

    def begin(self, record: RunRecord) -> None:
        """Make the folders."""
        from inference_bench.results.raw_tables import make_folders

        self._stale: set[Path] = set()
        make_folders(self.folder)

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Write each table that the case has; a file without data any more is deleted at the end of the run."""
        from inference_bench.results.raw_tables import write_tables

        files = write_tables(self.folder, result, record)
        self._stale |= {path for path, has_data in files.items() if not has_data}
        self._stale -= {path for path, has_data in files.items() if has_data}

    def finish(self, record: RunRecord) -> None:
        """Delete the files that results.json named earlier and no longer names."""
        for path in self._stale:
            path.unlink(missing_ok=True)
