"""A report as one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class HtmlReport(Report):
    """The content of the console report, with charts, as one HTML file."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report."""
        from inference_bench.reports._html_page import write_run

        write_run(run, stream)
