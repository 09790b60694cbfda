"""``report``: show a run again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command

if TYPE_CHECKING:
    import argparse


class ReportCommand(Command):
    """Show a run that was measured before.

    Nothing is measured again: the figures are those in the run's folder. Exits with 1 if a case of it failed.
    """

    examples = (
        ("benchmark_results/20261123T201530Z-3fa9c1", "the table that `run` printed"),
        ("RUN --format markdown", "for a pull request"),
        ("RUN --format html > report.html", "one file, for a review"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the folder and the format."""
        parser.add_argument("folder", metavar="RUN", type=Path, help="a run's folder")
        parser.add_argument("--format", metavar="NAME", default="console", help="console, markdown, html, json or csv")

    def run(self, args: argparse.Namespace) -> int:
        """Read the run and render it."""
        from inference_bench.report import open_report
        from inference_bench.run_folder import load_run

        report = open_report(args.format)
        run = load_run(args.folder)
        report.render(run, sys.stdout)
        return 1 if any(result.status.is_finding for result in run.results) else 0
