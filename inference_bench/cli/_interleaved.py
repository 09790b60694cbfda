"""What ``ab`` and ``noise`` share: variants of one request, measured in turn, and the comparison's page."""

from __future__ import annotations

import argparse
import asyncio
import copy
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import Command, Parser
from inference_bench.errors import InvalidValueError
from inference_bench.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_bench.cli._revisions import Revisions
    from inference_bench.orchestration.interleaved import AbOutcome, Question, Variant
    from inference_bench.results.noise_store import Noise

_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_TEXTS = ("weights", "scale")
OPTIONS_OF_RUNS = ("ab", "resume", "retry_failed", "force", "dry_run")
"""Options of ``run`` that speak of a single run."""
OPTIONS_OF_SWEEPS = (*OPTIONS_OF_RUNS, "overlap", "lookahead", "park")
"""And those that speak of loading ahead, which would disturb the other side."""


def refuse_foreign(args: argparse.Namespace, command: Command, names: Sequence[str], positionals: int = 0) -> None:
    """Refuse options of ``run`` that have no meaning here.

    Raises:
        InvalidValueError: one was given.
    """
    defaults = Parser(command).parse(["_"] * positionals)
    for name in names:
        if getattr(args, name) != getattr(defaults, name):
            option = f"--{name.replace('_', '-')}"
            raise InvalidValueError(option, getattr(args, name), f"no {option} with {command.name}")


def variant(change: str, args: argparse.Namespace, default_model: str, revisions: Revisions) -> Variant:
    """Return the request with one side's changes, such as ``dtype=bfloat16,threads=4`` or ``env:NAME=value``.

    Args:
        change: in words.
        args: the request.
        default_model: where none is asked for.
        revisions: that hold what a change of the revision names.

    Raises:
        UsageError: a change that cannot be read, or a name or value that is refused.
    """
    from inference_bench.cli._request import spec_of
    from inference_bench.orchestration.interleaved import Variant

    own = copy.copy(args)
    own.axis, own.models_dir, own.benchmarks_dir = list(args.axis), list(args.models_dir), list(args.benchmarks_dir)
    environment = {}
    found = _VARIABLE.fullmatch(change)
    if found:
        environment[found[1]] = found[2]
    else:
        for word in change.split(",") if change else ():
            _apply(word, own, revisions)
    spec = spec_of(own, default_model)
    return Variant(change, spec, environment, tuple(own.models_dir), tuple(own.benchmarks_dir))


def _apply(word: str, args: argparse.Namespace, revisions: Revisions) -> None:
    name, equals, value = (part.strip() for part in word.partition("="))
    if not name or not equals or not value:
        raise InvalidValueError("variant", word, "NAME=VALUE", "Such as dtype=bfloat16, model=NAME or env:NAME=VALUE.")
    if name == "model":
        args.model, args.all = [(value,)], False
    elif name == "models_dir":
        args.models_dir.append(Path(value))
    elif name == "revision":
        if not (args.models_dir or args.benchmarks_dir):
            raise InvalidValueError(
                "variant", word, "--models-dir (or --benchmarks-dir) with it: whose revision is meant"
            )
        args.models_dir = [revisions.copy_of(folder, value) for folder in args.models_dir]
        args.benchmarks_dir = [revisions.copy_of(folder, value) for folder in args.benchmarks_dir]
    elif name in _TEXTS:
        setattr(args, name, value)
    elif name == "seed":
        args.seed = values.whole_number("seed", 0)(value)
    else:
        args.axis.append(values.axis(word))


def measure(first: Variant, second: Variant, question: Question, args: argparse.Namespace) -> AbOutcome:
    """Measure two variants in turn."""
    from inference_bench.cli._progress import make_progress
    from inference_bench.orchestration.interleaved import measure_interleaved

    return asyncio.run(
        measure_interleaved(
            first,
            second,
            question,
            output=args.output,
            time_ns=round(args.time * NS_PER_S),
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def show(outcome: AbOutcome, noise: Noise | None, form: str) -> None:
    """Print the comparison, and where its runs are."""
    from inference_bench.reports._figures.of_comparison import figures
    from inference_bench.reports._pages.comparison import page
    from inference_bench.reports._pages.comparison_json import write_json
    from inference_bench.reports._render import render
    from inference_bench.results.noise_store import floor_sentence

    pairs = max((max(row.runs) for row in outcome.compared.rows), default=0)
    remarks = [
        f"Measured in turn, A B B A …: {pairs} pairs ({outcome.stop_reason}).",
        floor_sentence(noise, [outcome.compared]),
    ]
    if form == "json":
        write_json([outcome.compared], [()], remarks, sys.stdout)
    else:
        render(page([outcome.compared], [()], remarks), form, sys.stdout, lambda: figures([outcome.compared]))
    print(f"written to {outcome.folder}", file=sys.stderr)
