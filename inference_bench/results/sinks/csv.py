"""``results.csv``: one row per summary, for a spreadsheet or a first query."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from inference_bench.results.sink import Sink

if TYPE_CHECKING:
    from inference_bench.result import BenchmarkResult, RunRecord


class CsvSink(Sink):
    """Rewrites the table after each case."""

    def begin(self, record: RunRecord) -> None:
        """Write the heading, and the rows of what an earlier process of the same run measured.

        Those come from results.json: a table that a spreadsheet has changed or damaged is written anew.
        """
        from inference_bench.results.run import load_run
        from inference_bench.results.run_folder import RECORD
        from inference_bench.results.summary_table import rows

        former = load_run(self.folder).results if (self.folder / RECORD).is_file() else ()
        self._rows = {result.case.id: list(rows(result, record)) for result in former}
        self._write()

    def write(self, result: BenchmarkResult, record: RunRecord) -> None:
        """Add or replace the rows of a case."""
        from inference_bench.results.summary_table import rows

        self._rows[result.case.id] = list(rows(result, record))
        self._write()

    def _write(self) -> None:
        from inference_bench.results.atomic_file import write_atomically
        from inference_bench.results.run_folder import SUMMARIES
        from inference_bench.results.summary_table import write_table

        text = io.StringIO(newline="")
        write_table(text, [row for of_case in self._rows.values() for row in of_case])
        write_atomically(self.folder / SUMMARIES, text.getvalue().encode())
