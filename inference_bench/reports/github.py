"""A report for GitHub Actions: the summary of a step as Markdown, and annotations of the workflow's run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from inference_bench.reports._report import Report

if TYPE_CHECKING:
    from inference_bench.results.run import Run


class GithubReport(Report):
    """The content of the console's report for GitHub Actions."""

    def render(self, run: Run, stream: TextIO) -> None:
        """Write the report."""
        from inference_bench.reports._github_page import write_page
        from inference_bench.reports._pages.run import page

        write_page(page(run), stream)
