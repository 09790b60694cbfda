"""``run``: measure."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED, Command
from inference_bench.cli._effort import STANDARD
from inference_bench.cli._gate import add_gate_options, open_gate
from inference_bench.cli._interleaved import AB_TIME_S, MOST_PAIRS, add_question, compare_variants
from inference_bench.cli._run_options import add_loading_ahead, add_run_options, marks_of
from inference_bench.cli._run_outputs import run_outputs, write_runs
from inference_bench.cli._selected import named_sweep
from inference_bench.cli._slo import add_capacity_option, add_slo_option, ask_for_capacity, slo_exit_code
from inference_bench.cli._sweep import (
    add_sweep_options,
    measure_sweep,
    refuse_of_a_run,
    refuse_without_on,
    resume_sweep,
)
from inference_bench.errors import InvalidValueError
from inference_bench.text import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.orchestration.run import RunOutcome
    from inference_bench.spec import Spec

_AB = "--ab"
_ONLY_WITH_AB = ("detect",)
_ONLY_WITH_AB_OR_GATE = ("margin", "metric")
_NOT_WITH_AB = (
    "resume",
    "breakdown",
    "slo",
    "find_capacity",
    "sink",
    "retry_failed",
    "force",
    "overlap",
    "lookahead",
    "park",
    "gate",
    "confirm",
    "on",
    "nodes",
    "copies",
)

_SINK_LATER = "It measures several runs: `run --resume RUN --sink NAME` writes each of them when it has ended."


class RunCommand(Command):
    """Measure models and show the results.

    Every combination of model, set-up and benchmark parameter is a case. Each model loads in a process of its own.
    Results are written as each case ends; the tables go to standard output, progress to standard error.

    Exits with 1 if a case fails; with --gate also if anything is SLOWER than in the old runs, with 3 if it is SUSPECT;
    with --slo also if an objective FAILs, with 3 if there is NOT ENOUGH DATA.
    """

    examples = (
        ("", "speed and memory of the default model"),
        ("--dry-run", "show the cases, measure nothing"),
        ("--weights random --scale reduced --quick", "try it out, no download"),
        ("--dtype float32,bfloat16", "compare two number formats"),
        ("--suite performance", "with batches and loading times"),
        ("--benchmark inference_speed --input-lengths 64,1024", "other prompt lengths"),
        ("--quick", "a look: one process, 2 s per case"),
        ("--endpoint http://127.0.0.1:8000/v1 -a rate=2,4,8", "a model that a server runs, over HTTP"),
        ("--thorough", "until each median is known to ±1 %, or for half an hour"),
        ("--spec examples/specs/dtype.toml", "read the request from a file"),
        ("--export html=report.html --export json=run.json", "the report as files, too"),
        ("--json > results.json", "for another program"),
        ("--output s3://bucket/prefix", "each case also into object storage, when it has ended"),
        ("--sink mlflow", "also into an experiment tracker; `list sinks` shows them"),
        ("--label nightly --tag pull=123", "name the run: `report nightly`, `compare tag:pull=122 nightly`"),
        ("--ab dtype=float32 dtype=bfloat16", "variants, interleaved: the same as the command `ab`"),
        ("--gate benchmark_results --runs 5", "judge the run by the earlier ones: a gate with one run per commit"),
        ("--gate main_runs --confirm --models-dir m --model mine", "measure old and new code in turn if suspect"),
        ("--benchmark serving_load -a rate=2,4 -a requests=300 --slo 'ttft.p99<=300ms'", "does it meet an objective?"),
        ("--find-capacity --slo 'ttft.p99<=300ms'", "the highest rate that meets it"),
        ("--breakdown --benchmark inference_speed", "where does the time of a step go?"),
        ("--resume latest", "continue an interrupted run"),
    )

    common = (
        *("--model", "--benchmark", "--dtype", "--device", "--weights"),
        *("--quick", "--thorough", "--label", "--export", "--dry-run"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what to measure, how to load it, how long to measure, and where results go."""
        add_run_options(parser)
        _add_plan_options(parser)
        objectives = parser.add_argument_group("objectives")
        add_slo_option(objectives, "what a load of serving_load must meet")
        add_capacity_option(objectives)
        add_gate_options(parser)
        parser.add_argument_group("variants").add_argument(
            _AB,
            nargs="+",
            metavar="VARIANT",
            help="measure two or more variants in turn, such as dtype=float32 dtype=bfloat16, until every comparison "
            f"is settled; --runs is the maximum number of pairs (default: {MOST_PAIRS}); see `ab --help`",
        )
        add_question(parser, "what to settle, with --ab or --gate")
        add_loading_ahead(parser)
        add_sweep_options(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Check the whole request, then measure and report."""
        from inference_bench.cli._request import check_output, check_resumed, spec_of, take_key

        if args.ab is not None:
            _refuse(args, _NOT_WITH_AB, "with")
            args.runs = args.runs or MOST_PAIRS
            return compare_variants(args.ab, args)
        _refuse(args, _ONLY_WITH_AB, "without")
        gate = open_gate(args)
        if gate is None:
            _refuse(args, _ONLY_WITH_AB_OR_GATE, "without --gate or")
        outputs = run_outputs(args)
        if args.resume is not None:
            check_resumed(args)
            if (swept := named_sweep(args.resume, args.output)) is not None:
                return resume_sweep(swept, args)
            refuse_of_a_run(args)
            take_key(args)
            outcome = _resume(args)
        else:
            if args.find_capacity:
                ask_for_capacity(args)
            spec = spec_of(args)
            check_output(args.output)
            if args.dry_run:
                return _show_plan(spec, args)
            if args.on is not None:
                return measure_sweep(spec, args)
            refuse_without_on(args)
            outcome = _measure(spec, args)
        write_runs([outcome.run], outputs)
        if not (args.quiet or args.log_json):
            _name_files(outcome.folder)
            _name_addresses(outcome)
        if outcome.interrupted:
            return INTERRUPTED
        code = 0 if gate is None else gate.judge(outcome.run)
        if code == INTERRUPTED:
            return INTERRUPTED
        codes = (int(outcome.has_findings), code, slo_exit_code(outcome.run.results))
        return 1 if 1 in codes else max(codes)


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the plan")
    group.add_argument("--dry-run", action="store_true", help="show the plan; measure and write nothing")
    group.add_argument(
        "--resume",
        metavar="RUN",
        help="an unfinished run: measure its missing cases with its own settings; its folder, latest, a label, or the "
        "beginning of its id",
    )
    group.add_argument(
        "--time",
        metavar="SECONDS",
        type=values.seconds("time"),
        help="start no further process after this time, once each case has its least number; with --ab, no further "
        f"pair (default: {STANDARD.time_s:g} for each model and set-up; with --ab: {AB_TIME_S:g})",
    )
    group.add_argument(
        "--breakdown",
        action="store_true",
        help="after each case of inference_speed or batch_processing, see in a pass of its own where the time of its "
        "steps goes, by module and by operator (torch only)",
    )
    group.add_argument("--retry-failed", action="store_true", help="with --resume: measure failed cases again")
    group.add_argument(
        "--force",
        action="store_true",
        help="load models even if their weights do not fit into memory; with --resume: even if the machine or the "
        "software has changed",
    )


def _refuse(args: argparse.Namespace, names: Sequence[str], how: str) -> None:
    """Refuse options on the command line that have no meaning with, or without, ``--ab``.

    Raises:
        InvalidValueError: one was given.
    """
    for name in names:
        if name in args.told:
            option = f"--{name.replace('_', '-')}"
            advice = _SINK_LATER if name == "sink" else ""
            raise InvalidValueError(option, getattr(args, name), f"no {option} {how} {_AB}", advice)


def _measure(spec: Spec, args: argparse.Namespace) -> RunOutcome:
    from inference_bench.cli._progress import make_progress
    from inference_bench.orchestration.run import run_benchmarks

    return asyncio.run(
        run_benchmarks(
            spec,
            output=args.output,
            models_dirs=args.models_dir,
            benchmarks_dirs=args.benchmarks_dir,
            force=args.force,
            marks=marks_of(args),
            sinks=args.sink,
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def _resume(args: argparse.Namespace) -> RunOutcome:
    from inference_bench.cli._progress import make_progress
    from inference_bench.orchestration.run import resume_run
    from inference_bench.results.selectors import select_run

    return asyncio.run(
        resume_run(
            select_run(args.resume, args.output),
            models_dirs=args.models_dir,
            benchmarks_dirs=args.benchmarks_dir,
            retry_failed=args.retry_failed,
            force=args.force,
            sinks=args.sink,
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def _show_plan(spec: Spec, args: argparse.Namespace) -> int:
    from inference_bench.cli._dry_run import broken_plugins, plan_lines
    from inference_bench.cli._request import measures_here
    from inference_bench.orchestration.planning import prepare
    from inference_bench.results.sink import check_sinks

    check_sinks(args.sink)
    prepared = prepare(spec, args.models_dir, args.benchmarks_dir, here=measures_here(args))
    for line in plan_lines(prepared, args.output, spec.slos):
        print(line)
    broken = broken_plugins(prepared)
    for problem in broken:
        print(f"error: {one_line(str(problem))}", file=sys.stderr)
    return 1 if broken else 0


def _name_addresses(outcome: RunOutcome) -> None:
    for address in outcome.stored_at if not outcome.sink_failure else ():
        print(f"stored at {address}", file=sys.stderr)


def _name_files(folder: Path) -> None:
    """Name what was written: each file, but of a folder only how many it holds."""
    print(f"written to {folder}", file=sys.stderr)
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        print(f"  {path.name}", file=sys.stderr)
    inside = Counter(path.parent.name for path in folder.glob("*/*"))
    for name, count in sorted(inside.items()):
        print(f"  {name}/ ({count} file{'s' if count > 1 else ''})", file=sys.stderr)
