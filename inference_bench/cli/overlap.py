"""``overlap``: what loading ahead saves, and what it disturbs."""

from __future__ import annotations

import asyncio
import sys
from statistics import median
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED, Command
from inference_bench.cli._comparison import known_noise, write_comparison
from inference_bench.cli._interleaved import say_where_stored
from inference_bench.cli._outputs import PAGE_FORMATS, outputs_of
from inference_bench.cli._run_options import RUNS, add_loading_ahead, add_paired_run_options, marks_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from inference_bench.orchestration.overlap_study import OverlapCheck


class OverlapCommand(Command):
    """Measure what loading ahead saves, and what it disturbs.

    Carries out the same plan with loading ahead and without, in turn. Shows the wall time of both, the share of
    loading that was hidden, and by how much each median moved, next to the A/A floor. The other options are those of
    `run`. Exits with 1 if a median is worse beyond the margin.
    """

    examples = (
        ("--all --weights random --budget 1", "a sweep that is mostly loading"),
        ("--all --overlap partition --threads 1", "the loader on CPUs of its own"),
    )

    common = ("--pairs", "--runs", "--overlap", "--lookahead", "--model", "--all", "--format")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the number of pairs, and the options of ``run``."""
        parser.add_argument(
            "--pairs",
            metavar="N",
            type=values.whole_number("pairs"),
            default=6,
            help="sweeps with loading ahead, and as many without; fewer than 6 give no interval",
        )
        add_paired_run_options(parser, f"fresh processes per case in each sweep (default: {RUNS})")
        add_loading_ahead(parser)
        parser.set_defaults(runs=1, time=None)

    def run(self, args: argparse.Namespace) -> int:
        """Carry out the sweeps and print what they show."""
        from inference_bench.cli._request import check_output

        outputs = outputs_of(args, PAGE_FORMATS)
        check_output(args.output)
        found = _measure(args)
        if found is None:
            print("interrupted before the first pair was complete", file=sys.stderr)
            return INTERRUPTED
        write_comparison(found.comparison, outputs, list(_remarks(found)))
        print(f"written to {found.folder}", file=sys.stderr)
        say_where_stored(found.stored_at, found.sink_failure)
        if found.interrupted:
            return INTERRUPTED
        return int(found.comparison.is_worse or bool(found.sink_failure))


def _measure(args: argparse.Namespace) -> OverlapCheck | None:
    from inference_bench.cli._progress import make_progress
    from inference_bench.cli._request import spec_of
    from inference_bench.orchestration.overlap_study import check_overlap

    return asyncio.run(
        check_overlap(
            spec_of(args),
            pairs=args.pairs,
            output=args.output,
            models_dirs=args.models_dir,
            benchmarks_dirs=args.benchmarks_dir,
            noise=known_noise(),
            marks=marks_of(args),
            progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
            handle_signals=True,
        )
    )


def _remarks(found: OverlapCheck) -> Iterator[str]:
    from inference_bench.units import format_ns

    on, off = (median(sweep.wall_ns for sweep in sweeps) for sweeps in (found.ahead, found.off))
    ratios = found.wall_ratios
    yield f"Policy: {found.policy}."
    yield (
        f"Wall time: {format_ns(on)} with loading ahead, {format_ns(off)} without; ratio {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} pairs)."
    )
    yield f"Loading hidden: {found.hidden_of_all:.0%} of all, {found.hidden_of_hideable:.0%} of what could be hidden."
    noise = found.noise
    if noise:
        largest = max(noise)
        inside = sum(shift <= largest for shift in found.shifts)
        yield (
            f"A/A: from one sweep without loading ahead to the next, medians move by {median(noise):.1%}, at most by "
            f"{largest:.1%}. With loading ahead against without: {median(found.shifts):.1%}; {inside} of "
            f"{len(found.shifts)} no further than that maximum."
        )
