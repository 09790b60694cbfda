"""``report``: show a stored run."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import (
    CONSOLE,
    JSON,
    PAGE_FORMATS,
    REPORT_FORMATS,
    Outputs,
    add_output_options,
    outputs_of,
)
from inference_bench.cli._run_outputs import run_outputs, write_runs
from inference_bench.cli._selected import ONE_RUN, add_results_option, named_sweep, on_disk, selected_runs
from inference_bench.cli._slo import add_slo_option, slo_exit_code
from inference_bench.errors import InvalidValueError, UsageError
from inference_bench.provenance.record import LATEST

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from inference_bench.cli._watched_run import Display
    from inference_bench.results.run import Run
    from inference_bench.results.storage import Folder

_MANY = ("console", "markdown", "github")
"""Formats in which one report can follow another."""


class ReportCommand(Command):
    """Show a stored run, or pack runs so that others can check them.

    Nothing is measured: the figures are those in the run's folder. Exits with 1 if a case of it failed; with --slo also
    if an objective FAILs, with 3 if there is NOT ENOUGH DATA.
    """

    examples = (
        ("", "the newest run: the table that `run` printed"),
        ("latest~1", "the run before it"),
        ("nightly --format markdown", "the run that `run --label nightly` measured, for a pull request"),
        ("benchmark_results/20261123T201530Z-3fa9c1", "a run by its folder"),
        ("commit:1a2b3c4 --export html=report.html", "one page with charts, for a review"),
        ("--watch", "the newest run while it is measured: anew each time a case ends"),
        ("--watch --export html=report.html", "the same as a page: reload it in the browser"),
        ("--history", "each metric over time, over all runs"),
        ("before after --dossier speedup.zip", "two runs, their comparison and all evidence, for others to check"),
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
        parser.add_argument(
            "--watch",
            action="store_true",
            help="follow a run that is being measured, until it has ended or its process is gone; without a terminal, "
            "one line per case; a run that has ended is shown once",
        )
        add_slo_option(parser, "judge each load by this, instead of by the objectives that it was measured with")
        add_output_options(parser, REPORT_FORMATS)
        dossier = parser.add_argument_group("dossier")
        dossier.add_argument(
            "--dossier",
            metavar="DIR|FILE.zip",
            type=Path,
            help="write the runs, their raw samples, report, comparison, commands and digests there, for others to "
            "check with `check --dossier`; the first RUN is the baseline; RUN may be a folder of runs, or of `ab`",
        )
        dossier.add_argument(
            "--with-host", action="store_true", help="keep the host's name, which is left out otherwise"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Read the runs and render them."""
        _check_together(args)
        if args.history:
            return _history(args)
        if args.dossier:
            return _dossier(args)
        from inference_bench.results.judged_slos import run_with_slos
        from inference_bench.results.run import load_run

        outputs = run_outputs(args)
        for form in outputs.formats:
            if len(args.words) > 1 and form not in _MANY:
                advice = f"{', '.join(_MANY)} take several; so does compare."
                raise InvalidValueError("runs", len(args.words), f"one for {form}", advice)
        swept = named_sweep(args.words[0] if args.words else LATEST, args.results) if len(args.words) < 2 else None
        if swept is not None:
            return _sweep(swept, outputs_of(args, [name for name in PAGE_FORMATS if name != JSON]))
        folders = selected_runs(args.words, args)
        if args.watch:
            return _watch(folders, outputs)
        runs = [run_with_slos(load_run(folder), args.slo) for folder in folders]
        write_runs(runs, outputs)
        return _exit_code(runs) or (slo_exit_code(result for run in runs for result in run.results) if args.slo else 0)


def _exit_code(runs: Sequence[Run]) -> int:
    return 1 if any(result.status.is_finding for run in runs for result in run.results) else 0


def _check_together(args: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is read."""
    other = next((name for name in ("history", "watch", "export") if getattr(args, name)), "")
    if args.dossier and other:
        raise UsageError(
            f"got --dossier and --{other}, expected one of them: a dossier holds whole runs and their report."
        )
    if args.with_host and not args.dossier:
        raise UsageError("--with-host goes with --dossier only, which leaves the host's name out.")
    if args.watch and args.history:
        raise InvalidValueError("--watch", "--history", "one of the two", "A history is of runs that have ended.")
    if args.watch and args.format != CONSOLE:
        advice = f"For a file that is written anew each time: --export {args.format}=FILE."
        raise InvalidValueError("--watch with --format", args.format, CONSOLE, advice)


def _display(outputs: Outputs) -> AbstractContextManager[Display]:
    from inference_bench.cli._watched_run import FilesDisplay, LineDisplay, TerminalDisplay

    if outputs.files:
        return nullcontext(FilesDisplay(outputs.files))
    return TerminalDisplay(sys.stdout).drawing() if sys.stdout.isatty() else nullcontext(LineDisplay(sys.stdout))


def _watch(folders: Sequence[Folder], outputs: Outputs) -> int:
    """Show a run until it has ended, or Ctrl-C ends the watching."""
    from inference_bench.cli._watched_run import how_it_ended, watch_run

    if len(folders) > 1:
        raise InvalidValueError("runs", len(folders), "one with --watch")
    (folder,) = on_disk(folders, "--watch")
    try:
        with _display(outputs) as display:
            run = watch_run(folder, display)
    except KeyboardInterrupt:
        print("no longer watching; the run goes on", file=sys.stderr)
        return 0
    if not outputs.files:
        write_runs([run], outputs)
    print(how_it_ended(run), file=sys.stderr)
    return _exit_code([run])


def _dossier(args: argparse.Namespace) -> int:
    from inference_bench.dossier.writing import check_target, write_dossier
    from inference_bench.results.discovery import find_runs

    check_target(args.dossier)
    folders = [folder for word in args.words or [LATEST] for folder in find_runs(word, args.results)]
    digest = write_dossier(on_disk(folders, "--dossier"), args.dossier, with_host=args.with_host)
    print(f"written to {args.dossier}\nSHA-256 of MANIFEST.json: {digest}")
    return 0


def _history(args: argparse.Namespace) -> int:
    from inference_bench.errors import RunFormatError
    from inference_bench.reports._figures.of_history import figures
    from inference_bench.reports._pages.history import page
    from inference_bench.reports._render import render
    from inference_bench.results.discovery import open_runs
    from inference_bench.results.history import history

    outputs = outputs_of(args, [name for name in PAGE_FORMATS if name != JSON])
    places = args.words or [str(args.results)]
    runs = [run for place in places for run in open_runs(place, warn, args.results)]
    tracks = history(runs) or history(runs, everything=True)
    if not tracks:
        raise RunFormatError(f"{', '.join(places)}: no two runs have a case in common, which a history needs.")
    content = page(tracks)
    outputs.write(lambda form, stream: render(content, form, stream, lambda: figures(tracks)))
    return 0


def _sweep(folder: Folder, outputs: Outputs) -> int:
    """Show the nodes of a sweep side by side; return 1 if a share has not ended."""
    from inference_bench.reports._pages.sweep import page
    from inference_bench.reports._render import render
    from inference_bench.results.sweep_figures import read_figures
    from inference_bench.results.sweep_file import ShareStatus

    found = read_figures(folder, warn)
    content = page(found)
    outputs.write(lambda form, stream: render(content, form, stream))
    return 0 if all(share.status is ShareStatus.ENDED for share in found.record.shares) else 1
