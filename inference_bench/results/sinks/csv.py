"""``results.csv``: one row per summary, for a spreadsheet or a first query."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from inference_bench.results.rows_sink import RowsSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inference_bench.result import BenchmarkResult, RunRecord


class CsvSink(RowsSink):
    """Rewrites the table after each case."""

    def rows(self, result: BenchmarkResult, record: RunRecord) -> Iterable[Mapping[str, object]]:
        """Return one row per summary."""
        from inference_bench.results.summary_table import rows

        return rows(result, record)

    def write_rows(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write the table with its heading."""
        from inference_bench.results.atomic_file import write_atomically
        from inference_bench.results.run_folder import SUMMARIES
        from inference_bench.results.summary_table import write_table

        text = io.StringIO(newline="")
        write_table(text, rows)
        write_atomically(self.folder / SUMMARIES, text.getvalue().encode())
