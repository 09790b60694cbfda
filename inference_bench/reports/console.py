"""A report for a terminal of any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class ConsoleReport(Report):
    """Tables for a terminal; a narrow one hides the least important columns, and the table names them."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report, with colours if the stream is a terminal."""
        from inference_bench.reports._console_page import print_page
        from inference_bench.reports._pages.run import page

        print_page(page(run), stream)
