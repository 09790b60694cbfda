"""A sink of rows: one file with the rows of every case that has ended, written anew after each."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inference_bench.result import BenchmarkResult, RunRecord


class RowsSink(Sink):
    """Rewrites its file after each case; it is small, because it holds no samples."""

    def begin(self, record: RunRecord) -> None:
        """Write the file, with the rows of what an earlier process of the same run measured.

        Those come from results.json: a file that was changed or damaged is written anew.
        """
        from inference_bench.results.run import load_run
        from inference_bench.results.run_folder import RECORD

        former = load_run(self.folder).results if (self.folder / RECORD).is_file() else ()
        self._rows = {result.case.id: list(self.rows(result, record)) for result in former}
        self._write_all()

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Add or replace the rows of a case."""
        self._rows[result.case.id] = list(self.rows(result, record))
        self._write_all()

    def _write_all(self) -> None:
        self.write_rows([row for of_case in self._rows.values() for row in of_case])

    @abstractmethod
    def rows(self, result: BenchmarkResult, record: RunRecord) -> Iterable[Mapping[str, object]]:
        """Return the rows of one case."""

    @abstractmethod
    def write_rows(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write all rows into the folder, atomically."""
