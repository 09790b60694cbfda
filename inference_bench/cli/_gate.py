"""``run --gate``: a new run judged by its history as soon as it is measured, and confirmed by pairs if suspect."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli._command import INTERRUPTED
from inference_bench.cli._comparison import check_comparison_options, known_noise
from inference_bench.cli._judgement import check_history, judge, write_judgement
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import Outputs
from inference_bench.errors import InvalidValueError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from inference_bench.provenance.record import CodeState
    from inference_bench.results.run import Run
    from inference_bench.results.run_comparison import RunComparison
    from inference_bench.results.run_judgement import RunJudgement

_FORMATS = ("console", "markdown", "github")
_STANDS = "The verdict of the one run stands"


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Declare the history, and how a suspect run is confirmed."""
    group = parser.add_argument_group(
        "one run per commit",
        "the new run is judged by old runs of this machine: OK, SUSPECT (exit 3) or SLOWER (exit 1)",
    )
    group.add_argument(
        "--gate",
        metavar="HISTORY",
        help="the old runs: a folder, a pattern, or a selector such as tag:branch=main; 8 give a verdict, 50 are used; "
        "the folder of --output may begin empty. --metric and --margin hold here, too",
    )
    group.add_argument(
        "--confirm",
        action="store_true",
        help="if a figure is SUSPECT or SLOWER, measure the old code and the new in turn, as `ab` does, until it is "
        "settled; that verdict counts. Needs --models-dir or --benchmarks-dir in a git repository",
    )
    group.add_argument(
        "--gate-baseline",
        metavar="REF",
        help="the old code of --confirm: a branch, tag or commit (default: the commit of the newest run in HISTORY)",
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """The old runs, read before anything is measured."""

    history: Sequence[Run]
    args: argparse.Namespace

    def judge(self, new: Run) -> int:
        """Judge a new run, print the judgement, confirm it if asked to, and return the exit code.

        Raises:
            UsageError: no old run is of this machine.
        """
        found = judge(new, self.history, self.args)
        if self.history:
            check_history(found)
        if not found.has_verdict:
            warn(f"the new run is not judged: {found.lacks}")
            return 0
        write_judgement(found, Outputs(self.args.format))
        if not self.args.confirm or not found.alarms:
            return found.exit_code
        confirmed = _confirm(found, self.args)
        if confirmed is None or confirmed == INTERRUPTED:
            return found.exit_code if confirmed is None else INTERRUPTED
        return 1 if found.regressions else confirmed


def open_gate(args: argparse.Namespace) -> Gate | None:
    """Check the options and read the old runs; None without ``--gate``.

    Raises:
        UsageError: options that have no meaning together, or a revision that cannot be copied.
        RunFormatError: there is no readable old run, and HISTORY is not the folder of the new one.
    """
    if args.gate is None:
        for name in ("confirm", "gate_baseline"):
            if getattr(args, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} needs --gate HISTORY, the old runs that judge the new one."
                )
        return None
    if args.format not in _FORMATS:
        advice = f"For the judgement alone: `compare HISTORY latest --format {args.format}`."
        raise InvalidValueError("--format", args.format, f"{', '.join(_FORMATS)} with --gate", advice)
    check_comparison_options(args)
    _check_baseline(args)
    return Gate(_history(args), args)


def _history(args: argparse.Namespace) -> Sequence[Run]:
    from inference_bench.errors import RunFormatError
    from inference_bench.results.discovery import open_runs

    try:
        return open_runs(args.gate, warn)
    except RunFormatError:
        if Path(args.gate).resolve() == args.output.resolve():
            return ()
        raise


def _check_baseline(args: argparse.Namespace) -> None:
    """Refuse a baseline whose code cannot be copied, before anything is measured."""
    from inference_bench.cli._revisions import Revisions

    if args.gate_baseline is None:
        return
    if not args.confirm:
        raise UsageError("--gate-baseline needs --confirm, which measures that code.")
    folders = [*args.models_dir, *args.benchmarks_dir]
    if not folders:
        raise UsageError("--gate-baseline needs --models-dir or --benchmarks-dir, whose old code is meant.")
    with Revisions() as revisions:
        for folder in folders:
            revisions.copy_of(folder, args.gate_baseline)


def _confirm(found: RunJudgement, args: argparse.Namespace) -> int | None:
    """Measure the old code and the new in turn, and return the exit code; None if that is not possible."""
    from inference_bench.cli._interleaved import measure, show, variant
    from inference_bench.cli._revisions import Revisions
    from inference_bench.orchestration.interleaved import Question

    own = _of_alarms(found, args)
    revision = args.gate_baseline or _old_commit(found)
    why_not = _why_not(revision, args)
    if why_not:
        warn(f"not confirmed: {why_not}. {_STANDS}")
        return None
    with Revisions() as revisions:
        try:
            variants = [variant(f"revision={revision}", own, revisions), variant("", own, revisions)]
        except UsageError as error:
            warn(f"not confirmed: {str(error).rstrip('.')}. {_STANDS}")
            return None
        outcome = measure(variants, Question(own.metric, own.margin, known_noise()), own)
    show(outcome, Outputs(args.format))
    return INTERRUPTED if outcome.interrupted else confirmed_code(outcome.comparison)


def _of_alarms(found: RunJudgement, args: argparse.Namespace) -> argparse.Namespace:
    """Return the request for what gave an alarm, in pairs."""
    from inference_bench.cli._interleaved import MOST_PAIRS

    own = copy.copy(args)
    own.benchmark = [tuple(dict.fromkeys(row.case.benchmark for row in found.alarms))]
    own.metric = tuple(dict.fromkeys(row.metric for row in found.alarms))
    own.runs = MOST_PAIRS
    return own


def _old_commit(found: RunJudgement) -> str:
    """Return the commit of the newest old run with other code than the new one; empty if none names its commit."""
    new, *earlier = (
        None if of.run is None else of.run.record.provenance.code for of in (found.new, *reversed(found.earlier))
    )
    return old_commit(new, earlier)


def old_commit(new: CodeState | None, earlier: Iterable[CodeState | None]) -> str:
    """Return the commit of the first earlier state that is its commit's code, and not that of the new state.

    A state whose changes are unknown stands for its commit, unless the new one may be the same code.
    """
    for code in earlier:
        if code is not None and not code.changed_files and (new is None or new.is_known_to_differ(code)):
            return code.commit
    return ""


def _why_not(revision: str, args: argparse.Namespace) -> str:
    """Return why the old code cannot be measured; empty if nothing is known to prevent it."""
    if not (args.models_dir or args.benchmarks_dir):
        return "without --models-dir or --benchmarks-dir there is no old code to measure"
    if not revision:
        return "no old run names the commit of other code; name one by --gate-baseline REF"
    return ""


def confirmed_code(comparison: RunComparison) -> int:
    """Return the exit code of an interleaved comparison: 1 worse, 3 not settled or by how much is open, else 0."""
    from inference_bench.analysis.comparison_result import Verdict
    from inference_bench.results.run_judgement import SUSPECT, WORSE

    if comparison.is_worse:
        return WORSE
    is_open = any(row.verdict in (Verdict.WORSE_OPEN, Verdict.INCONCLUSIVE) for row in comparison.rows)
    return SUSPECT if is_open or not comparison.rows else 0
