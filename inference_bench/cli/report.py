"""``report``: show a stored run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.cli._messages import warn
from inference_bench.cli._selected import ONE_RUN, add_results_option, selected_runs
from inference_bench.errors import InvalidValueError

if TYPE_CHECKING:
    import argparse


_MANY = ("console", "markdown")
"""Formats in which one report can follow another."""


class ReportCommand(Command):
    """Show a stored run.

    Nothing is measured: the figures are those in the run's folder. Exits with 1 if a case of it failed.
    """

    examples = (
        ("", "the newest run: the table that `run` printed"),
        ("latest~1", "the run before it"),
        ("nightly --format markdown", "the run that `run --label nightly` measured, for a pull request"),
        ("benchmark_results/20261123T201530Z-3fa9c1", "a run by its folder"),
        ("commit:1a2b3c4 --format html > report.html", "one page with charts, for a review"),
        ("--history", "each metric over time, over all runs"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the folder and the format."""
        parser.add_argument(
            "words",
            metavar="RUN",
            nargs="*",
            help=f"one, or several to show one after the other: {ONE_RUN}; with --history the runs of a folder or of a "
            "selector (default: all)",
        )
        add_results_option(parser)
        parser.add_argument(
            "--history",
            action="store_true",
            help="show each metric over time, over all runs, with changes marked",
        )
        parser.add_argument("--format", metavar="NAME", default="console", help="console, markdown, html, json or csv")

    def run(self, args: argparse.Namespace) -> int:
        """Read the runs and render them."""
        if args.history:
            return _history(args)
        from inference_bench.reports._report import open_report
        from inference_bench.results.run import load_run

        report = open_report(args.format)
        if len(args.words) > 1 and args.format not in _MANY:
            raise InvalidValueError(
                "runs",
                len(args.words),
                f"one for {args.format}",
                f"{' and '.join(_MANY)} take several; so does compare.",
            )
        runs = [load_run(folder) for folder in selected_runs(args.words, args)]
        for run in runs:
            report.render(run, sys.stdout)
        return 1 if any(result.status.is_finding for run in runs for result in run.results) else 0


def _history(args: argparse.Namespace) -> int:
    from inference_bench.errors import RunFormatError
    from inference_bench.reports._figures.of_history import figures
    from inference_bench.reports._pages.history import page
    from inference_bench.reports._render import check_format, render
    from inference_bench.results.discovery import open_runs
    from inference_bench.results.history import history

    check_format(args.format)
    places = args.words or [str(args.results)]
    runs = [run for place in places for run in open_runs(place, warn, args.results)]
    tracks = history(runs) or history(runs, everything=True)
    if not tracks:
        raise RunFormatError(f"{', '.join(places)}: no two runs have a case in common, which a history needs.")
    render(page(tracks), args.format, sys.stdout, lambda: figures(tracks))
    return 0
