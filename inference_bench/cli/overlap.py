"""``overlap``: does loading ahead save time, and does it disturb what is timed?"""

from __future__ import annotations

import asyncio
import sys
from statistics import median
from typing import TYPE_CHECKING

from inference_bench.cli import _interleaved
from inference_bench.cli import _values as values
from inference_bench.cli._command import Command
from inference_bench.cli.run import DEFAULT_MODEL, RunCommand

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from inference_bench.orchestration.overlap_study import OverlapCheck

_INTERRUPTED = 130


class OverlapCommand(Command):
    """Measure what loading ahead saves, and what it disturbs.

    The same plan with loading ahead and without, in turns. Shown: the wall time of both, the share of loading that was
    hidden, and how far each median moved, beside the A/A floor. Takes all options of `run`. Exits with 1 if a median
    is worse beyond the margin.
    """

    examples = (
        ("--all --weights random --scale reduced --budget 1", "a sweep that is mostly loading"),
        ("--all --overlap partition --threads 1", "the loader on a CPU of its own"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the number of pairs, and all that ``run`` takes."""
        parser.add_argument(
            "--pairs",
            metavar="N",
            type=values.whole_number("pairs"),
            default=6,
            help="sweeps with loading ahead, and as many without; fewer than 6 give no interval",
        )
        RunCommand().add_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Carry out the sweeps and say what they show."""
        from inference_bench.analysis.margin import no_aa_floor
        from inference_bench.cli._progress import make_progress
        from inference_bench.cli._request import check_output, spec_of
        from inference_bench.machine.environment import describe_environment
        from inference_bench.orchestration.overlap_study import check_overlap
        from inference_bench.reports._pages.comparison import page
        from inference_bench.reports._pages.comparison_json import write_json
        from inference_bench.reports._render import check_format, render
        from inference_bench.results.noise_store import floor_sentence, load_noise

        _interleaved.refuse_foreign(args, self, _interleaved.OPTIONS_OF_RUNS)
        check_format(args.format, "json")
        check_output(args.output)
        noise = load_noise(str(describe_environment().get("fingerprint")))
        found = asyncio.run(
            check_overlap(
                spec_of(args, DEFAULT_MODEL),
                pairs=args.pairs,
                output=args.output,
                models_dirs=args.models_dir,
                benchmarks_dirs=args.benchmarks_dir,
                floor=no_aa_floor if noise is None else noise.floor(paired=True),
                progress=make_progress(quiet=args.quiet, log_json=args.log_json, stream=sys.stderr),
                handle_signals=True,
            )
        )
        if found is None:
            print("interrupted before there was a pair to compare", file=sys.stderr)
            return _INTERRUPTED
        remarks = [*_remarks(found), floor_sentence(noise, [found.compared])]
        if args.format == "json":
            write_json([found.compared], [()], remarks, sys.stdout)
        else:
            render(page([found.compared], [()], remarks), args.format, sys.stdout)
        print(f"written to {found.folder}", file=sys.stderr)
        if found.interrupted:
            return _INTERRUPTED
        return 1 if found.compared.is_worse else 0


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
            f"A/A: from one sweep without loading ahead to the next, medians move by {median(noise):.1%}, the most "
            f"restless by {largest:.1%}. With loading ahead against without: {median(found.shifts):.1%}; {inside} of "
            f"{len(found.shifts)} no further than that."
        )
