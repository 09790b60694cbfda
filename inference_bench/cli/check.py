"""``check``: can a run be trusted?"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.errors import UnknownNameError
from inference_bench.metrics import QUANTILES

if TYPE_CHECKING:
    import argparse

GRADES = ("A", "B", "C", "D", "F")


class CheckCommand(Command):
    """Say how far a run can be trusted: findings with evidence, consequence and remedy, and a grade for each case.

    Nothing is measured again. Exits with 1 if a case's grade is worse than --at-least.
    """

    examples = (
        ("benchmark_results/20261123T201530Z-3fa9c1", "grades and findings"),
        ("RUN --at-least B", "as a gate"),
        ("RUN --format json", "for another program"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, the worst grade allowed and the format."""
        parser.add_argument("folder", metavar="RUN", type=Path, help="a run's folder")
        parser.add_argument(
            "--at-least", metavar="GRADE", default="D", help=f"worst grade allowed: {', '.join(GRADES)}"
        )
        parser.add_argument(
            "--quantile", metavar="NAME", default="", help=f"that there must be samples for: {', '.join(QUANTILES)}"
        )
        parser.add_argument("--format", metavar="NAME", default="console", help="console, markdown, html or json")

    def run(self, args: argparse.Namespace) -> int:
        """Grade every case and say why."""
        from inference_bench.analysis.trust.case import grade
        from inference_bench.reports._pages.findings import page
        from inference_bench.reports._pages.findings_json import write_json
        from inference_bench.reports._render import check_format, render
        from inference_bench.result import Status
        from inference_bench.results.run import load_run

        if args.at_least not in GRADES:
            raise UnknownNameError("grade", args.at_least, GRADES)
        if args.quantile and args.quantile not in QUANTILES:
            raise UnknownNameError("quantile", args.quantile, QUANTILES)
        check_format(args.format, "json")
        run = load_run(args.folder)
        # What does not apply has no figures that one could believe or not.
        applied = tuple(result for result in run.results if result.status is not Status.NOT_APPLICABLE)
        run = replace(run, results=applied)
        grades = [grade(result, run.record, args.quantile) for result in applied]
        if args.format == "json":
            write_json(run, grades, sys.stdout)
        else:
            render(page(run, grades), args.format, sys.stdout)
        return 1 if any(grade.letter > args.at_least for grade in grades) else 0
