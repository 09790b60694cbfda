"""``advise``: why a run is as slow as it is, what would help by how much, and whether that was right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED, Command
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import JSON, PAGE_FORMATS, PLAIN_FORMATS, add_output_options, outputs_of
from inference_bench.cli._search import SEARCH_TIME_S, add_search_options, search_run
from inference_bench.cli._selected import ONE_RUN, add_results_option, on_disk, selected_runs
from inference_bench.cli._weights_check import check_weights
from inference_bench.errors import InferenceBenchError, InvalidValueError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.cli._outputs import Outputs
    from inference_bench.results.advice_file import StoredAdvice
    from inference_bench.results.run import Run

_PROVEN = 3
"""Experiments of ``--prove`` without a number."""


class AdviseCommand(Command):
    """Say what limits each case of a run, which changes would help by how much, and prove it.

    Each case is held against what this machine was seen to do: memory bandwidth, matmul rate, the cost of an operation.
    A class, such as memory-bound, is named only where the whole interval lies on one side of its threshold. Each change
    that follows is an experiment: its gain is predicted with an interval, and `ab` measures it. --prove carries the
    first ones out and says of each whether the prediction holds; all proofs stay in advice.json in the run's folder,
    refuted ones, too.
    """

    examples = (
        ("", "what limits the newest run, and what would help"),
        ("--prove", "carry out the three best experiments: predicted against measured"),
        (
            "nightly --case decode --prove 10 --time 1800",
            "ten experiments on some cases, or as many as begin in 30 minutes",
        ),
        ("--search --time 900", "the fastest set-up of the run's model, as a file for `run --spec`"),
        ("latest --json", "for another program"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, its cases, and what to prove."""
        parser.add_argument("word", metavar="RUN", nargs="?", help=ONE_RUN)
        add_results_option(parser)
        parser.add_argument(
            "--case", metavar="TEXT", default="", help="only the case of this id, or those with this in their name"
        )
        parser.add_argument(
            "--prove",
            metavar="N",
            nargs="?",
            type=values.whole_number("prove"),
            const=_PROVEN,
            help=f"carry out the first N experiments (default: {_PROVEN}), those not carried out so far first",
        )
        parser.add_argument(
            "--time",
            metavar="SECONDS",
            type=values.seconds("time"),
            help="with --prove start no further experiment after this time (default: all that were asked for); with "
            f"--search no round that would end later (default: {SEARCH_TIME_S:g})",
        )
        parser.add_argument(
            "--models-dir",
            metavar="DIR",
            action="append",
            type=Path,
            default=[],
            help="the folder of models that the run was given; may be repeated",
        )
        add_search_options(parser)
        parser.add_argument("--quiet", action="store_true", help="print no progress of experiments")
        add_output_options(parser, PAGE_FORMATS)

    def run(self, args: argparse.Namespace) -> int:
        """Give advice, store it, carry out what is asked for, and show it all."""
        from inference_bench.results.run import load_run

        outputs = outputs_of(args, PLAIN_FORMATS if args.search else PAGE_FORMATS)
        word = [args.word] if args.word else []
        (folder,) = on_disk(selected_runs(word, args), "advise")
        run = load_run(folder)
        if run.is_in_progress:
            warn(f"{folder} is in progress: {run.progress}.")
        chosen = _with_cases(run, args.case)
        if args.search:
            return search_run(chosen, folder, args, outputs)
        if args.prove:
            _check_machine(run)
            check_weights("--prove", chosen, args.models_dir)
        stored, remarks = _advice_on(run, folder, args)
        cases = frozenset(result.case.id for result in chosen.results)
        interrupted = False
        if args.prove:
            from inference_bench.cli._proofs import carry_out

            stored, interrupted = carry_out(stored, cases, folder, args)
        _write(stored.of_cases(cases), remarks, outputs)
        return INTERRUPTED if interrupted else 0


def _with_cases(run: Run, text: str) -> Run:
    """Return the run with the cases of this id, or with this in their name."""
    found = tuple(result for result in run.results if text in (result.case.id, "") or text in result.case.slug)
    if not found:
        known = ", ".join(result.case.slug for result in run.results) or "none: no case has ended"
        expected = f"an id, or a part of a name, of a case of run {run.record.id}"
        raise InvalidValueError("case", text or "none", expected, f"Its cases: {known}.")
    return replace(run, results=found)


def _check_machine(run: Run) -> None:
    """Refuse to prove what was measured on another machine.

    Raises:
        UsageError: this is another machine.
    """
    from inference_bench.machine.environment import describe_environment

    theirs, ours = run.record.environment.get("fingerprint"), describe_environment().get("fingerprint")
    if theirs != ours:
        raise UsageError(
            f"--prove: run {run.record.id} was measured on another machine (fingerprint {theirs}, this one is {ours}), "
            "expected one of this machine: what is measured here says nothing of that one. Measure it here first."
        )


def _advice_on(run: Run, folder: Path, args: argparse.Namespace) -> tuple[StoredAdvice, Sequence[str]]:
    """Return the advice on a run with the proofs so far, stored in its folder, and remarks on it."""
    from inference_bench.analysis.advice import advise
    from inference_bench.cli._ceilings_of_run import ceilings_of_run
    from inference_bench.orchestration.possible_changes import possible_changes
    from inference_bench.results.advice_file import StoredAdvice, read_advice, write_advice

    former = read_advice(folder)
    known, remarks = ceilings_of_run(run, former)
    advice = advise(run, known, possible_changes(args.models_dir))
    stored = StoredAdvice(advice, (known,) if known else (), former.proofs if former else ())
    try:
        write_advice(folder, stored)
    except InferenceBenchError as error:  # another user owns the folder: the advice is shown all the same
        warn(f"{error} The advice is not stored.")
    return stored, remarks


def _write(stored: StoredAdvice, remarks: Sequence[str], outputs: Outputs) -> None:
    from inference_bench.reports._pages.advice import page
    from inference_bench.reports._render import render
    from inference_bench.results.serialization import to_json

    def write(form: str, stream: TextIO) -> None:
        if form == JSON:
            stream.write(to_json(stored.document).decode())
        else:
            render(page(stored, remarks), form, stream)

    outputs.write(write)
