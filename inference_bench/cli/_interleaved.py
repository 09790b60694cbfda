"""Variants of one request, measured in turn."""

from __future__ import annotations

import argparse
import asyncio
import copy
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._changes import read_changes
from inference_bench.cli._command import INTERRUPTED
from inference_bench.cli._comparison import (
    add_comparison_options,
    check_comparison_options,
    known_noise,
    write_comparison,
)
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import PAGE_FORMATS, outputs_of
from inference_bench.cli._run_options import marks_of
from inference_bench.errors import InvalidValueError
from inference_bench.spec import DEFAULT_BENCHMARKS, ENGINE_BENCHMARKS, SETUP_AXES
from inference_bench.text import one_line
from inference_bench.units import NS_PER_S, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.cli._outputs import Outputs
    from inference_bench.cli._revisions import Revisions
    from inference_bench.orchestration.interleaved import AbOutcome, Question, Variant

MOST_PAIRS = 60
"""Pairs of ``ab`` unless --runs says otherwise."""
_UNCHANGED = "as given"
"""The name of a variant without changes."""
_SIDES = ("a", "b")
_TEXTS = ("weights", "scale")


def add_question(parser: argparse.ArgumentParser, title: str) -> None:
    """Declare the margin, the metrics and the time."""
    group = parser.add_argument_group(title)
    add_comparison_options(group)
    group.add_argument(
        "--detect",
        metavar="FRACTION",
        type=values.fraction("detect"),
        help="detect a change of this size, such as 2%%; in four of five cases, the margin included: say first how "
        "many pairs that takes by this machine's A/A floor, refuse what --runs or --time do not allow, and stop once "
        "it is reached",
    )


AB_TIME_S = 1800.0
"""Seconds after which ``ab`` starts no further pair, unless --time says otherwise."""


def add_time(parser: argparse._ActionsContainer, default_s: float) -> None:
    """Declare how long to measure pairs."""
    parser.add_argument(
        "--time",
        metavar="SECONDS",
        type=values.seconds("time"),
        default=default_s,
        help="start no further pair after this time",
    )


def compare_variants(changes: Sequence[str], args: argparse.Namespace) -> int:
    """Check the whole request, measure the variants in turn, print the comparison, and return the exit code.

    Args:
        changes: what each variant changes in the request, in words; the first is the baseline.
        args: the request, with the options of ``add_question``.

    Raises:
        UsageError: something asked for is refused; nothing was measured.
    """
    from inference_bench.cli._request import check_output
    from inference_bench.cli._revisions import Revisions
    from inference_bench.orchestration.interleaved import Question

    if len(changes) < 2:
        given = " ".join(changes) or "none"
        raise InvalidValueError("variants", given, "two or more", "Such as dtype=float32 dtype=bfloat16.")
    check_comparison_options(args)
    check_output(args.output)
    if args.detect is not None and args.detect <= args.margin:
        raise InvalidValueError("detect", args.detect, f"more than the margin ({args.margin})", "Or add --margin 0.")
    outputs = outputs_of(args, PAGE_FORMATS)
    question = Question(args.metric, args.margin, known_noise(), detect=args.detect)
    with Revisions() as revisions:
        variants = [variant(change, args, revisions) for change in changes]
        variants = [_restarted(of, args, place) for place, of in enumerate(variants)]
        variants = variants if args.benchmark or args.suite else _with_agreement(variants)
        if args.dry_run:
            return _show_plan(variants, question, args)
        outcome = measure(variants, question, args)
    show(outcome, outputs)
    if outcome.interrupted:
        return INTERRUPTED
    return outcome.comparison.exit_code or int(bool(outcome.sink_failure))


def add_restarts(parser: argparse._ActionsContainer) -> None:
    """Declare how the servers of both sides are started anew."""
    for side in _SIDES:
        parser.add_argument(
            f"--restart-{side}",
            metavar="COMMAND",
            help=f"before each turn of {side.upper()}: start its server anew by this command, which must end, and wait "
            "until its endpoint answers",
        )


def _restarted(of: Variant, args: argparse.Namespace, place: int) -> Variant:
    """Return a side with the command that starts its server anew, if one was given."""
    from inference_bench.orchestration.server_restart import ServerRestart

    command = getattr(args, f"restart_{_SIDES[place]}", None) if place < len(_SIDES) else None
    if command is None:
        return of
    return replace(of, restart=ServerRestart(command, args.load_limit))


def _with_agreement(variants: Sequence[Variant]) -> list[Variant]:
    """Return variants whose default benchmarks show whether several engines compute the same."""
    if len({setup.engine for of in variants for setup in of.spec.setups}) == 1:
        return list(variants)
    return [
        replace(of, spec=replace(of.spec, benchmarks=ENGINE_BENCHMARKS))
        if of.spec.benchmarks == DEFAULT_BENCHMARKS
        else of
        for of in variants
    ]


def variant(change: str, args: argparse.Namespace, revisions: Revisions) -> Variant:
    """Return the request with one side's changes, such as ``dtype=bfloat16,threads=4`` or ``env:NAME=value``.

    Args:
        change: the changes as text.
        args: the request.
        revisions: copies folders of a named revision.

    Raises:
        UsageError: an unreadable change, or a name or value that is refused.
    """
    from inference_bench.cli._request import spec_of
    from inference_bench.orchestration.interleaved import Variant

    own = copy.copy(args)
    own.axis, own.models_dir, own.benchmarks_dir = list(args.axis), list(args.models_dir), list(args.benchmarks_dir)
    changes = read_changes(change, lambda: _known_names(own))
    # Folders first, and the revision that is copied of them last: the order of the words means nothing.
    for name, value in sorted(changes.settings, key=lambda of: (of[0] == "revision", of[0] != "models_dir")):
        _apply(name, value, own, revisions)
    folders = tuple(own.models_dir), tuple(own.benchmarks_dir)
    provenance = replace(marks_of(args), code=revisions.state_of([*own.models_dir, *own.benchmarks_dir]))
    return Variant(change or _UNCHANGED, spec_of(own), changes.environment, *folders, provenance)


def _known_names(args: argparse.Namespace) -> set[str]:
    """Return the names that a change may have: fields of a request, and the axes of set-ups and of benchmarks."""
    from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
    from inference_bench.errors import PluginError
    from inference_bench.model.discovery import find_models

    models = find_models(args.models_dir).values()
    files = {*find_benchmarks(extra=args.benchmarks_dir).values()}
    files.update(file for model in models for file in find_benchmarks(model, args.benchmarks_dir).values())
    names = {"model", "endpoint", "endpoint_model", "models_dir", "revision", "seed", *_TEXTS, *SETUP_AXES}
    for file in files:
        with suppress(PluginError):  # a broken one has no axes, and is told of where it is measured
            names.update(axis.name for axis in load_benchmark(file).axes)
    return names


def _apply(name: str, value: str, args: argparse.Namespace, revisions: Revisions) -> None:
    if name == "model":
        args.model, args.all, args.endpoint = [(value,)], False, None
    elif name == "endpoint":
        args.model, args.all, args.endpoint = None, False, [value]
    elif name == "endpoint_model":
        args.endpoint_model = value
    elif name == "models_dir":
        args.models_dir.append(Path(value))
    elif name == "revision":
        if not (args.models_dir or args.benchmarks_dir):
            raise InvalidValueError(
                "variant", f"{name}={value}", "--models-dir or --benchmarks-dir with it, whose revision is meant"
            )
        args.models_dir = [revisions.copy_of(folder, value) for folder in args.models_dir]
        args.benchmarks_dir = [revisions.copy_of(folder, value) for folder in args.benchmarks_dir]
    elif name in _TEXTS:
        setattr(args, name, value)
    elif name == "seed":
        args.seed = values.whole_number("seed", 0)(value)
    else:
        args.axis.append(values.axis(f"{name}={value}"))


def _show_plan(variants: Sequence[Variant], question: Question, args: argparse.Namespace) -> int:
    """Print the plan of each variant, how many pairs there may be, and what --detect takes; measure nothing."""
    from inference_bench.cli._dry_run import broken_plugins, plan_lines
    from inference_bench.orchestration.detection import plan_ahead
    from inference_bench.orchestration.planning import prepare

    prepared = [prepare(of.spec, of.models_dirs, of.benchmarks_dirs) for of in variants]
    for of, ready in zip(variants, prepared, strict=True):
        print(f"{of.name}:")
        print("\n".join(f"  {line}" if line else "" for line in plan_lines(ready, args.output)), end="\n\n")
    print(f"measured in turn: at most {counted(args.runs, 'pair')}; none begins after {_time_s(args):g} s")
    target = question.target(variants, round(_time_s(args) * NS_PER_S))
    plan = None if target is None else plan_ahead(target, question.noise, prepared)
    if plan is not None:
        print(plan.sentence)
    broken = [problem for ready in prepared for problem in broken_plugins(ready)]
    for problem in broken:
        print(f"error: {one_line(str(problem))}", file=sys.stderr)
    return 1 if broken else 0


def _time_s(args: argparse.Namespace) -> float:
    return float(args.time or AB_TIME_S)


def measure(variants: Sequence[Variant], question: Question, args: argparse.Namespace) -> AbOutcome:
    """Measure variants in turn."""
    from inference_bench.cli._progress import make_progress
    from inference_bench.orchestration.interleaved import measure_interleaved

    return asyncio.run(
        measure_interleaved(
            variants,
            question,
            output=args.output,
            time_ns=round(_time_s(args) * NS_PER_S),
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def show(outcome: AbOutcome, outputs: Outputs) -> None:
    """Write the comparison, and print where its runs are."""
    pairs = max((max(row.runs) for row in outcome.comparison.rows), default=0)
    is_two = len(outcome.runs) == 2
    how = f"A B B A …: {counted(pairs, 'pair')}" if is_two else f"in a balanced order: {counted(pairs, 'round')}"
    remark = f"Measured in turn, {how} ({outcome.stop_reason})."
    write_comparison(outcome.comparison, outputs, [remark])
    print(f"written to {outcome.folder}", file=sys.stderr)
    say_where_stored(outcome.stored_at, outcome.sink_failure)


def say_where_stored(address: str, failure: str) -> None:
    """Print where runs were copied to, or what is missing there; nothing if no address was given."""
    if failure:
        warn(failure)
    elif address:
        print(f"stored at {address}", file=sys.stderr)
