"""``compare``: runs against a baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.cli._comparison import add_comparison_options, check_comparison_options, write_comparison
from inference_bench.cli._judgement import judge_lines, judge_side, write_judgement
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import PAGE_FORMATS, add_output_options, outputs_of
from inference_bench.cli._selected import add_results_option
from inference_bench.errors import UnknownNameError, UsageError
from inference_bench.metrics import QUANTILES
from inference_bench.provenance.record import LATEST
from inference_bench.results.selectors import SELECTORS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from inference_bench.cli._outputs import Outputs
    from inference_bench.results.axis_sides import AxisSides
    from inference_bench.results.run_comparison import ComparisonOptions, RunSide
    from inference_bench.results.run_judgement import RunJudgement


class CompareCommand(Command):
    """Compare runs with a baseline: faster, slower, the same, or inconclusive.

    The first argument is the baseline, unless --baseline names it. Each argument is one side: a run, a sweep, a folder
    of runs, or a quoted pattern; the processes of all its runs count together. A folder that `ab` wrote holds all
    sides. With --by the sides are the values of an axis within the runs, such as their dtypes. What was measured on
    several machines is compared within each of them. Exits with 1 if a side is worse than the baseline beyond the
    margin, or fails a case that the baseline passed; with 3 if two engines did not do the same work, so that no verdict
    is given.

    One run per commit: if the baseline is several old runs and the other side one new run, the new run is judged by
    what the spread of the old ones predicts: OK, SUSPECT or SLOWER (LARGER … by the unit). That takes 8 old runs of
    the same machine, or the A/A floor that `noise` measures; the first line says that it was done. Exits with 1 if
    anything is SLOWER or fails, with 3 if anything is SUSPECT. Two or one .jsonl of `pytest --ib-save` do as well.
    """

    usage = ("[options] BASELINE RUN [RUN ...]", "[options] [RUN ...] --by AXIS")
    examples = (
        ("latest~1 latest", "the newest run with the one before; `run --runs 6` gives enough processes for a verdict"),
        ("tag:pull=122 tag:pull=123", "all runs with one tag against all with another"),
        (
            "commit:1a2b3c4 benchmark_results/20261123T201530Z-3fa9c1",
            "the runs of a commit against a run by its folder",
        ),
        ("latest --by dtype", "each dtype of a run against the first"),
        ("nightly --by threads --baseline 2", "each number of threads against two"),
        ("--baseline 'main/*' 'branch/*'", "all runs of two folders"),
        ("history benchmark_results/NEW", "one new run by the old runs in a folder: a gate with one run per commit"),
        ("benchmark_results/20261124T001500Z-3fa9c1-ab", "the interleaved pairs of `ab`"),
        ("SWEEP_BEFORE SWEEP_AFTER", "two sweeps over the same machines: within each, then over all of them"),
        ("A B --margin 0.03 --metric ttft,itl --format markdown", "for a pull request"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the sides, the margin and the format."""
        parser.add_argument(
            "places",
            metavar="RUN",
            nargs="*",
            help=f"{SELECTORS}, a folder with all its runs, or a pattern; with --by the default is {LATEST}",
        )
        add_results_option(parser)
        parser.add_argument(
            "--by",
            metavar="AXIS",
            help="compare the values of an axis within the runs, such as dtype, threads, model, input_length",
        )
        parser.add_argument(
            "--baseline",
            metavar="RUN|VALUE",
            help="the baseline (default: the first RUN); with --by a value of the axis (default: the first measured)",
        )
        add_comparison_options(parser)
        parser.add_argument(
            "--quantile",
            metavar="NAME",
            default="p50",
            help=f"compared quantile of each process: {', '.join(QUANTILES)}",
        )
        parser.add_argument(
            "--across-machines",
            action="store_true",
            help="compare sides that have no machine in common; without it a change is taken within machines only",
        )
        add_output_options(parser, PAGE_FORMATS)

    def run(self, args: argparse.Namespace) -> int:
        """Read the sides, compare them and print the comparison."""
        from inference_bench.results.run_comparison import check_common_machine, compare_runs

        check_comparison_options(args)
        outputs = outputs_of(args, PAGE_FORMATS)
        if args.quantile not in QUANTILES:
            raise UnknownNameError("quantile", args.quantile, QUANTILES)
        places = [*([args.baseline] if args.baseline else []), *args.places]
        lines = judge_lines(places, args) if args.by is None else None
        if lines is not None:
            return _show(lines, outputs)
        sides, axis = _sides(args)
        judged = judge_side(sides, args) if axis is None else None
        if judged is not None and judged.has_verdict:
            return _show(judged, outputs)
        if judged is not None:
            warn(f"one new run cannot be judged: {judged.lacks}. Compared by the processes of each side instead")
        if not args.across_machines:
            check_common_machine(sides)
        found = compare_runs(sides, _options(args, sides, axis))
        unrelated = list(found.unrelated.values())
        for why in unrelated:
            warn(why)
        write_comparison(found, outputs)
        if len(unrelated) == len(found.compared):
            raise UsageError(f"nothing to compare: {unrelated[0]}.")
        return found.exit_code


def _options(args: argparse.Namespace, sides: Sequence[RunSide], axis: AxisSides | None) -> ComparisonOptions:
    from inference_bench.results.noise_store import load_noise
    from inference_bench.results.run_comparison import ComparisonOptions

    hardware = {str(run.record.environment.get("fingerprint", "unknown")) for side in sides for run in side.runs}
    options = ComparisonOptions(
        args.metric,
        args.margin,
        QUANTILES[args.quantile],
        noise=load_noise(hardware.pop()) if len(hardware) == 1 else None,  # that of one machine says nothing of others
        problem=warn,
        across_machines=args.across_machines,
    )
    return options if axis is None else replace(options, paired=False, by=axis.field, in_rounds=axis.in_rounds)


def _show(judged: RunJudgement, outputs: Outputs) -> int:
    write_judgement(judged, outputs)
    return judged.exit_code


def _sides(args: argparse.Namespace) -> tuple[Sequence[RunSide], AxisSides | None]:
    """Read the sides, the baseline first: those that the arguments name, or with --by the values of an axis."""
    from inference_bench.results.axis_sides import split_by_axis
    from inference_bench.results.ended_shares import open_ended_runs
    from inference_bench.results.run_comparison import read_sides

    if args.by is None:
        return read_sides([*([args.baseline] if args.baseline else []), *args.places], warn, args.results), None
    runs = [run for place in args.places or [LATEST] for run in open_ended_runs(place, warn, args.results)]
    axis = split_by_axis(runs, args.by, args.baseline, warn)
    return axis.sides, axis
