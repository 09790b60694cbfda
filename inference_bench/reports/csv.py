"""A report with the content of ``results.csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class CsvReport(Report):
    """The content of the run's ``results.csv``."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write a heading and one row per summary."""
        from inference_bench.results.summary_table import rows, write_table

        write_table(stream, [row for result in run.results for row in rows(result, run.record)])
