"""``summaries.parquet``: the rows of ``results.csv`` with their types, for queries over many runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.results.rows_sink import RowsSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inference_bench.result import BenchmarkResult, RunRecord


class SummariesSink(RowsSink):
    """Rewrites the table after each case."""

    def rows(self, result: BenchmarkResult, record: RunRecord) -> Iterable[Mapping[str, object]]:
        """Return one row per summary, with the time of the run."""
        from inference_bench.results.summary_file import summary_rows

        return summary_rows(result, record)

    def write_rows(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write the table."""
        from inference_bench.results.summary_file import write_summaries

        write_summaries(self.folder, rows)
