"""``check``: can a run be trusted?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from inference_bench.cli._command import Command
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import JSON, PAGE_FORMATS, add_output_options, outputs_of
from inference_bench.cli._selected import ONE_RUN, add_results_option, named_sweep, selected_runs
from inference_bench.cli._slo import add_slo_option, slo_exit_code
from inference_bench.errors import UnknownNameError, UsageError
from inference_bench.metrics import QUANTILES
from inference_bench.provenance.record import LATEST
from inference_bench.units import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.cli._outputs import Outputs
    from inference_bench.results.run import Run
    from inference_bench.results.storage import Folder

GRADES = ("A", "B", "C", "D", "F")


class CheckCommand(Command):
    """Show how far a run can be trusted: a grade per case, and findings with their evidence, effect and fix.

    Nothing is measured again. Of a sweep each node is judged. Exits with 1 if a case's grade is worse than --at-least,
    or an objective FAILs, with 3 if there is NOT ENOUGH DATA for one. With --dossier the digests of a dossier are
    checked and its figures recomputed from the raw columns; exits with 1 if one does not match.
    """

    examples = (
        ("", "grades and findings of the newest run"),
        ("latest --at-least B", "as a gate"),
        ("benchmark_results/20261123T201530Z-3fa9c1 --rejudge", "by the present rules, after an upgrade"),
        ("nightly --slo 'ttft.p99<=300ms'", "judge a load that was measured before"),
        ("nightly --format json", "for another program"),
        ("--dossier speedup.zip", "verify the digests of a dossier, and recompute its figures from its samples"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, the worst grade allowed, whose rules count, and the format."""
        parser.add_argument("word", metavar="RUN", nargs="?", help=ONE_RUN)
        add_results_option(parser)
        parser.add_argument(
            "--at-least", metavar="GRADE", default="D", help=f"worst grade allowed: {', '.join(GRADES)}"
        )
        parser.add_argument(
            "--quantile",
            metavar="NAME",
            default="",
            help=f"also require enough samples for this quantile: {', '.join(QUANTILES)}",
        )
        add_slo_option(parser, "also judge each load by this, instead of by the objectives that it was measured with")
        parser.add_argument(
            "--rejudge", action="store_true", help="replace the stored grades by those of this version's rules"
        )
        parser.add_argument(
            "--dossier", metavar="PLACE", type=Path, help="check what `report --dossier` wrote: a folder or zip"
        )
        add_output_options(parser, PAGE_FORMATS)

    def run(self, args: argparse.Namespace) -> int:
        """Show the grade of each case and the findings behind it."""
        from inference_bench.analysis.trust.run import run_grade
        from inference_bench.results.judged_slos import run_with_slos

        if args.at_least not in GRADES:
            raise UnknownNameError("grade", args.at_least, GRADES)
        if args.quantile and args.quantile not in QUANTILES:
            raise UnknownNameError("quantile", args.quantile, QUANTILES)
        outputs = outputs_of(args, PAGE_FORMATS)
        if args.dossier:
            return _check_dossier(args, outputs)
        swept = named_sweep(args.word or LATEST, args.results)
        stored = [run_with_slos(run, args.slo) for run in _runs(swept, args)]
        judged = [_rejudged(run) for run in stored] if args.rejudge else stored
        runs = [_with_quantile(run, args.quantile) for run in judged]
        _write(runs, _on_rules(stored, judged), outputs, of_sweep=swept is not None)
        results = [result for run in runs for result in run.results]
        grades = [*(run_grade(run.record) for run in runs), *(of.grade for of in results if of.grade is not None)]
        return 1 if any(grade.letter > args.at_least for grade in grades) else slo_exit_code(results)


def _runs(swept: Folder | None, args: argparse.Namespace) -> list[Run]:
    """Read the runs of a sweep's shares that have ended, or the run that the arguments name."""
    from inference_bench.results.ended_shares import open_ended_runs
    from inference_bench.results.run import load_run

    if swept is not None:
        return open_ended_runs(swept, warn)
    (folder,) = selected_runs([args.word] if args.word else [], args)
    run = load_run(folder)
    if run.is_in_progress:
        warn(f"{folder} is in progress: {run.progress}.")
    return [run]


def _write(runs: Sequence[Run], remarks: Sequence[str], outputs: Outputs, *, of_sweep: bool) -> None:
    from inference_bench.reports._pages import findings, sweep_findings
    from inference_bench.reports._pages.findings_json import write_json, write_sweep_json
    from inference_bench.reports._render import render

    def write(form: str, stream: TextIO) -> None:
        if form == JSON and of_sweep:
            write_sweep_json(runs, stream)
        elif form == JSON:
            write_json(runs[0], stream)
        else:
            content = sweep_findings.page(runs, remarks) if of_sweep else findings.page(runs[0], remarks)
            render(content, form, stream)

    outputs.write(write)


def _check_dossier(args: argparse.Namespace, outputs: Outputs) -> int:
    from inference_bench.dossier.checking import check_dossier
    from inference_bench.dossier.page import page, write_json
    from inference_bench.reports._render import render

    if args.word is not None:
        raise UsageError(f"got both {args.word!r} and --dossier, expected one of them.")
    found = check_dossier(args.dossier)

    def write(form: str, stream: TextIO) -> None:
        if form == JSON:
            write_json(args.dossier, found, stream)
        else:
            render(page(args.dossier, found), form, stream)

    outputs.write(write)
    return 1 if found.mismatches else 0


def _rejudged(run: Run) -> Run:
    from inference_bench.analysis.trust.case import grade

    return replace(run, results=tuple(replace(result, grade=grade(result, run.record)) for result in run.results))


def _with_quantile(run: Run, quantile: str) -> Run:
    """Return the run with a finding for each case that has too few samples for a quantile."""
    from inference_bench.analysis.trust.grade import graded
    from inference_bench.analysis.trust.samples import quantile_finding

    results = []
    for result in run.results:
        finding = quantile_finding(result, quantile)
        if result.grade is not None and finding is not None:
            result = replace(result, grade=graded([*result.grade.findings, finding], result.grade.rules))
        results.append(result)
    return replace(run, results=tuple(results))


def _on_rules(stored: Sequence[Run], judged: Sequence[Run]) -> list[str]:
    """Return a line if the stored grades were made by other rules than this version's."""
    from inference_bench.analysis.trust.grade import RULES_VERSION

    pairs = [
        (old.grade, new.grade)
        for before, after in zip(stored, judged, strict=True)
        for old, new in zip(before.results, after.results, strict=True)
        if old.grade is not None and new.grade is not None
    ]
    others = sorted({old.rules for old, _ in pairs} - {RULES_VERSION})
    if not others:
        return []
    versions = f"stored grades by rules {', '.join(map(str, others))}"
    if stored is judged:
        return [f"{versions}; this version has rules {RULES_VERSION}: --rejudge applies them"]
    changed = sum(old.letter != new.letter for old, new in pairs)
    return [f"judged again by rules {RULES_VERSION} ({versions}): {counted(changed, 'grade')} of {len(pairs)} changed"]
