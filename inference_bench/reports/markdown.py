"""A report as GitHub Markdown, for an issue or a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class MarkdownReport(Report):
    """The content of the console's report as Markdown."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report."""
        from inference_bench.reports._markdown_page import write_page
        from inference_bench.reports._pages.run import page

        write_page(page(run), stream)
