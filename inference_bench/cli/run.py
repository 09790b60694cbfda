"""``run``: measure."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import Command, Parser
from inference_bench.spec import (
    ATTENTIONS,
    COMPILE_MODES,
    DEFAULT_BENCHMARKS,
    DEVICES,
    DTYPES,
    SUITES,
    SURVEY_BUDGET_NS,
    Limits,
)
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.orchestration.run import RunOutcome
    from inference_bench.spec import Spec

DEFAULT_MODEL = "smollm2_135m_instruct"
_INTERRUPTED = 130
_AB = "--ab"
_LIMITS = Limits()


class RunCommand(Command):
    """Measure models and show the results.

    Every combination of model, set-up and benchmark parameter is a case. Each model loads in a process of its own.
    Results are written as each case ends; the table goes to standard output, progress to standard error.
    """

    examples = (
        ("", "speed and memory of the default model"),
        ("--suite performance", "with batches and loading times"),
        ("--dry-run", "show the cases, measure nothing"),
        ("--dtype float32,bfloat16", "compare two number formats"),
        ("--benchmark inference_speed --input-lengths 64,1024", "other prompt lengths"),
        ("--runs 5", "five fresh processes, so that intervals speak of more than one"),
        ("--weights random --scale reduced", "try things out, with no download"),
        ("--spec examples/specs/dtype.toml", "a request that is kept in a file"),
        ("--format json > results.json", "for another program"),
        ("--ab dtype=float32 dtype=bfloat16", "two variants, interleaved: the same as `ab`, with all its options"),
        ("--resume benchmark_results/<run>", "go on with a run that was interrupted"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what to measure, how to load it, how long to measure, and where results go."""
        _add_subject(parser)
        _add_setup(parser)
        _add_parameters(parser)
        _add_effort(parser)
        _add_overlap(parser)
        _add_output(parser)

    def read(self, parser: Parser, words: Sequence[str]) -> argparse.Namespace:
        """Read the words, over those of a file if one is named."""
        from inference_bench.cli._spec_file import parse_with_file

        if _AB in words:
            return _read_ab(words)
        args = parser.parse(words)
        return args if args.spec is None else parse_with_file(parser, words, args.spec)

    def run(self, args: argparse.Namespace) -> int:
        """Check the whole request, then measure and report."""
        from inference_bench.cli._request import check_output, check_resumed, spec_of
        from inference_bench.reports._report import open_report

        if hasattr(args, "second"):
            from inference_bench.cli.ab import AbCommand

            return AbCommand().run(args)
        report = open_report(args.format)
        if args.resume is not None:
            check_resumed(args, Parser(self).parse([]))
            outcome = _resume(args)
        else:
            spec = spec_of(args, DEFAULT_MODEL)
            check_output(args.output)
            if args.dry_run:
                return _show_plan(spec, args)
            outcome = _measure(spec, args)
        report.render(outcome.run, sys.stdout)
        if not (args.quiet or args.log_json):
            _name_files(outcome.folder)
        if outcome.interrupted:
            return _INTERRUPTED
        return 1 if outcome.has_findings else 0


def _read_ab(words: Sequence[str]) -> argparse.Namespace:
    """Read the words as those of ``ab``, which has options of its own: margin, metrics, time.

    Raises:
        UsageError: there are not two variants.
    """
    from inference_bench.errors import UsageError
    from inference_bench.plugins import load_class

    place = list(words).index(_AB)
    variants = list(words[place + 1 : place + 3])
    if len(variants) < 2 or any(variant.startswith("-") for variant in variants):
        raise UsageError("--ab expects two variants, such as --ab dtype=float32 dtype=bfloat16.")
    command = load_class("command", "inference_bench.cli", "ab", Command)()  # type: ignore[type-abstract]
    return command.read(Parser(command), [*variants, *words[:place], *words[place + 3 :]])


def _add_subject(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to measure", "`list` shows what there is; lists have commas")
    group.add_argument(
        "--spec", metavar="FILE", type=Path, help="a request in TOML; what stands here comes before what it says"
    )
    group.add_argument(
        _AB,
        nargs=2,
        metavar=("A", "B"),
        help="two variants in turn, until it is settled which is better, such as dtype=float32 dtype=bfloat16; takes "
        "all options of `ab`, whose help explains it",
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        metavar="NAME[,NAME]",
        action="append",
        type=values.names("model"),
        help=f"a model; may be repeated (default: {DEFAULT_MODEL})",
    )
    which.add_argument(
        "--all",
        action="store_true",
        help="every model there is; those whose weights are not to be had run on random ones, labelled so",
    )
    what = group.add_mutually_exclusive_group()
    what.add_argument("--suite", metavar="NAME", help=f"benchmarks by suite: {', '.join(SUITES)}")
    what.add_argument(
        "--benchmark",
        metavar="NAME[,NAME]",
        action="append",
        type=values.names("benchmark"),
        help=f"a benchmark, instead of a suite; may be repeated (default: {', '.join(DEFAULT_BENCHMARKS)})",
    )
    group.add_argument(
        "--models-dir",
        metavar="DIR",
        action="append",
        type=Path,
        default=[],
        help="look for <name>/model.py here as well; may be repeated",
    )
    group.add_argument(
        "--benchmarks-dir",
        metavar="DIR",
        action="append",
        type=Path,
        default=[],
        help="look for benchmark_<name>.py here as well; may be repeated",
    )


def _add_setup(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to load it", "several values are several set-ups, each measured")
    group.add_argument(
        "--device",
        metavar="NAME[,NAME]",
        type=values.names("device"),
        default="cpu",
        help=f"{', '.join(DEVICES)}, or cuda:N",
    )
    group.add_argument(
        "--dtype", metavar="NAME[,NAME]", type=values.names("dtype"), default="float32", help=", ".join(DTYPES)
    )
    group.add_argument(
        "--threads",
        metavar="N[,N]",
        type=values.whole_numbers("threads"),
        help="threads of the framework (default: the CPUs this process may use)",
    )
    group.add_argument(
        "--attention",
        metavar="NAME[,NAME]",
        type=values.names("attention"),
        default="auto",
        help=", ".join(ATTENTIONS),
    )
    group.add_argument(
        "--compile",
        metavar="MODE[,MODE]",
        type=values.names("compile mode"),
        default="none",
        help="of torch.compile: " + ", ".join(COMPILE_MODES),
    )
    group.add_argument(
        "--weights",
        metavar="SOURCE",
        help="auto, cache, hub, package, random, any, or the path of a folder; auto tries cache, hub and package in "
        "turn; any is auto, then random (default: auto; with --all: any)",
    )
    group.add_argument(
        "--scale",
        metavar="SIZE",
        default="full",
        help="full, or reduced: a small model of the same architecture; needs --weights random",
    )
    group.add_argument(
        "--seed", metavar="N", type=values.whole_number("seed", 0), default=0, help="of every random generator"
    )


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("parameters", "where none are given, the benchmark's own; see `list benchmarks`")
    group.add_argument(
        "--input-lengths", metavar="N[,N]", type=values.whole_numbers("input lengths"), help="tokens of the prompt"
    )
    group.add_argument(
        "--new-tokens", metavar="N[,N]", type=values.whole_numbers("new tokens"), help="tokens to generate"
    )
    group.add_argument(
        "-a",
        "--axis",
        metavar="NAME=VALUE[,VALUE]",
        action="append",
        type=values.axis,
        default=[],
        help="values of any parameter; may be repeated",
    )


def _add_effort(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how long to measure", "a case ends when it is precise enough, or out of time")
    group.add_argument(
        "--runs", metavar="N", type=values.whole_number("runs"), default=1, help="fresh processes for each case"
    )
    group.add_argument(
        "--precision",
        metavar="FRACTION",
        type=values.fraction("precision"),
        default=_LIMITS.relative_width,
        help="wanted width of the median's 95%% interval, relative to the median",
    )
    group.add_argument(
        "--budget",
        metavar="SECONDS",
        type=values.seconds("budget"),
        help="a case that is not precise by then ends, and says so "
        f"(default: {_LIMITS.budget_ns / NS_PER_S:g}; with --all: {SURVEY_BUDGET_NS / NS_PER_S:g})",
    )
    group.add_argument(
        "--min-samples",
        metavar="N",
        type=values.whole_number("min samples"),
        default=_LIMITS.min_samples,
        help="never stop before",
    )
    group.add_argument(
        "--warmup",
        metavar="N",
        type=values.whole_number("warm-up", 0),
        default=_LIMITS.warmup_iterations,
        help="iterations after the cold one that are kept, but not counted",
    )
    for what, limit_ns in (("load", _LIMITS.load_ns), ("case", _LIMITS.case_ns)):
        group.add_argument(
            f"--{what}-limit",
            metavar="SECONDS",
            type=values.seconds(f"{what} limit"),
            default=limit_ns / NS_PER_S,
            help=f"a {what} that takes longer is given up, its worker killed, and the plan goes on",
        )


def _add_overlap(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("loading ahead", "the next model loads while the present one is measured")
    group.add_argument(
        "--overlap",
        metavar="POLICY",
        default="auto",
        help="freeze (the loader stands still while anything is timed), partition (it has a CPU of its own), off, or "
        "auto, which picks and says why",
    )
    group.add_argument(
        "--isolation",
        metavar="WHERE",
        default="process",
        help="process: each run of a model is a fresh one; inline: in this very process, for debuggers",
    )
    group.add_argument(
        "--lookahead", metavar="N", type=values.whole_number("lookahead", 0), default=1, help="models loaded ahead"
    )
    group.add_argument(
        "--park",
        metavar="WHERE",
        default="auto",
        help="where a model on a GPU waits for its turn: host (before its copy to the device), device (after it, if it "
        "fits beside what is measured), or auto, which is host",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("results")
    group.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("benchmark_results"),
        help="each run gets a folder in here",
    )
    group.add_argument(
        "--format", metavar="NAME", default="console", help="of the report: console, markdown, html, json or csv"
    )
    group.add_argument(
        "--resume",
        metavar="RUN",
        type=Path,
        help="the folder of a run that did not end: measure what is missing, with the run's own settings",
    )
    group.add_argument("--retry-failed", action="store_true", help="with --resume: measure again what failed")
    group.add_argument(
        "--force",
        action="store_true",
        help="load models although their weights seem not to fit into memory; with --resume also continue although "
        "machine or software have changed since",
    )
    group.add_argument("--dry-run", action="store_true", help="show the plan, measure nothing, write nothing")
    group.add_argument("--quiet", action="store_true", help="no progress; warnings stay")
    group.add_argument("--log-json", action="store_true", help="progress as one JSON object a line, for programs")


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
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def _resume(args: argparse.Namespace) -> RunOutcome:
    from inference_bench.cli._progress import make_progress
    from inference_bench.orchestration.run import resume_run

    return asyncio.run(
        resume_run(
            args.resume,
            models_dirs=args.models_dir,
            benchmarks_dirs=args.benchmarks_dir,
            retry_failed=args.retry_failed,
            force=args.force,
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def _show_plan(spec: Spec, args: argparse.Namespace) -> int:
    from inference_bench.cli._dry_run import broken_plugins, plan_lines
    from inference_bench.orchestration.planning import prepare

    prepared = prepare(spec, args.models_dir, args.benchmarks_dir)
    for line in plan_lines(prepared, args.output):
        print(line)
    broken = broken_plugins(prepared)
    for problem in broken:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if broken else 0


def _name_files(folder: Path) -> None:
    """Name what was written: each file, but of a folder only how many it holds."""
    print(f"written to {folder}", file=sys.stderr)
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        print(f"  {path.name}", file=sys.stderr)
    inside = Counter(path.parent.name for path in folder.glob("*/*"))
    for name, count in sorted(inside.items()):
        print(f"  {name}/ ({count} file{'s' if count > 1 else ''})", file=sys.stderr)
