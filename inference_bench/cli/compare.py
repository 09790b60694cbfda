"""``compare``: runs against a baseline."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference_bench.analysis.margin import MARGIN
from inference_bench.cli import _values as values
from inference_bench.cli._command import Command
from inference_bench.errors import UsageError
from inference_bench.metrics import QUANTILES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from inference_bench.analysis.comparison_result import Comparisons
    from inference_bench.analysis.environment_differences import Difference
    from inference_bench.analysis.observations import Side
    from inference_bench.results.noise_store import Noise
    from inference_bench.results.run import Run


class CompareCommand(Command):
    """Compare runs with a baseline: faster, slower, the same, or cannot tell.

    The first argument is the baseline, unless --baseline names it. Each argument is one side: a run's folder, a folder
    of runs, or a quoted pattern of them, whose processes count together. The folder that `ab` wrote holds both sides.
    Exits with 1 if any side is worse than the baseline beyond the margin, or fails in a case that the baseline passed.
    """

    examples = (
        ("benchmark_results/A benchmark_results/B", "two runs; `run --runs 6` gives enough processes for a verdict"),
        ("--baseline 'main/*' 'branch/*'", "all runs of two folders"),
        ("benchmark_results/20261124T001500Z-3fa9c1-ab", "the interleaved pairs of `ab`"),
        ("A B --margin 0.03 --metric ttft,itl --format markdown", "for a pull request"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the sides, the margin and the format."""
        parser.add_argument("places", metavar="RUN", nargs="+", help="a run's folder, a folder of runs, or a pattern")
        parser.add_argument("--baseline", metavar="RUN", help="what the others are compared with (default: the first)")
        parser.add_argument(
            "--margin",
            metavar="FRACTION",
            type=values.fraction("margin"),
            default=MARGIN,
            help="changes up to this count as none; the A/A floor and the resolution may ask for more",
        )
        parser.add_argument(
            "--metric", metavar="NAME[,NAME]", type=values.names("metric"), default=(), help="only these metrics"
        )
        parser.add_argument(
            "--quantile", metavar="NAME", default="p50", help=f"of each process: {', '.join(QUANTILES)}"
        )
        parser.add_argument("--across-machines", action="store_true", help="compare although the machines differ")
        parser.add_argument("--format", metavar="NAME", default="console", help="console, markdown, html or json")

    def run(self, args: argparse.Namespace) -> int:
        """Read the sides, compare them and say what was found."""
        from inference_bench.metrics import get_metric
        from inference_bench.reports._render import check_format

        check_format(args.format, "json")
        for metric in args.metric:
            get_metric(metric)
        if args.quantile not in QUANTILES:
            from inference_bench.errors import UnknownNameError

            raise UnknownNameError("quantile", args.quantile, QUANTILES)
        sides = _read(args)
        differences = [_differences(sides[0][1], runs) for _, runs in sides[1:]]
        _check_machines(sides, across=args.across_machines)
        noise = _noise(sides[0][1])
        compared = list(_compared(sides, args, noise))
        for found in compared:
            if not found.rows and not found.regressions:
                print(f"warning: {found.before} and {found.after} have no case in common", file=sys.stderr)
        _write(compared, differences, noise, args.format)
        if not any(found.rows or found.regressions for found in compared):
            raise UsageError("nothing to compare: expected runs with at least one case and metric in common.")
        return 1 if any(found.is_worse for found in compared) else 0


Sided = tuple[str, "list[Run]"]


def _read(args: argparse.Namespace) -> list[Sided]:
    """Return the sides, the baseline first."""
    from pathlib import Path

    from inference_bench.results.discovery import open_runs
    from inference_bench.results.pairing import read_pairing

    places: list[str] = [*([args.baseline] if args.baseline else []), *args.places]
    if len(places) == 1:
        pairing = read_pairing(Path(places[0]))
        if pairing is None:
            raise UsageError(f"one side only ({places[0]}): expected two or more, or a folder that `ab` wrote.")
        sides = zip(pairing.names, pairing.folders, strict=True)
        return [(name, open_runs(folder, _warn)) for name, folder in sides]
    return [(place, open_runs(place, _warn)) for place in places]


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _differences(before: Sequence[Run], after: Sequence[Run]) -> Sequence[Difference]:
    from inference_bench.analysis.environment_differences import environment_differences

    return environment_differences(
        [run.record.environment for run in before], [run.record.environment for run in after]
    )


def _check_machines(sides: Sequence[Sided], *, across: bool) -> None:
    """Refuse to blame the code for what another machine does."""
    machines = {str(run.record.environment.get("fingerprint")) for _, runs in sides for run in runs}
    if len(machines) > 1 and not across:
        raise UsageError(
            f"these runs come from {len(machines)} different machines (fingerprints {', '.join(sorted(machines))}): a "
            "change of the machine would look like one of the code. Measure on one machine, or add --across-machines."
        )


def _noise(runs: Sequence[Run]) -> Noise | None:
    from inference_bench.results.noise_store import load_noise

    return load_noise(str(runs[0].record.environment.get("fingerprint", "unknown")))


def _compared(sides: Sequence[Sided], args: argparse.Namespace, noise: Noise | None) -> Iterator[Comparisons]:
    from inference_bench.analysis.comparison import compare
    from inference_bench.analysis.margin import no_aa_floor
    from inference_bench.analysis.quantiles import LEVEL
    from inference_bench.results.comparison_sides import observe
    from inference_bench.results.pairing import pairing_of

    def side(sided: Sided, *, paired: bool) -> Side:
        p = QUANTILES[args.quantile]
        return observe(sided[0], sided[1], p=p, metrics=args.metric, paired=paired, problem=_warn)

    for candidate in sides[1:]:
        pairing = pairing_of(sides[0][1], candidate[1])
        paired = pairing is not None
        floor = no_aa_floor if noise is None else noise.floor(paired=paired)
        before, after = side(sides[0], paired=paired), side(candidate, paired=paired)
        yield compare(
            before, after, margin=args.margin, floor=floor, paired=paired, level=pairing.level if pairing else LEVEL
        )


def _write(
    compared: Sequence[Comparisons], differences: Sequence[Sequence[Difference]], noise: Noise | None, form: str
) -> None:
    from inference_bench.reports._figures.of_comparison import figures
    from inference_bench.reports._pages.comparison import page
    from inference_bench.reports._render import render
    from inference_bench.results.noise_store import floor_sentence

    sentence = floor_sentence(noise, compared)
    if form == "json":
        from inference_bench.reports._pages.comparison_json import write_json

        write_json(compared, differences, [sentence], sys.stdout)
        return
    render(page(compared, differences, [sentence]), form, sys.stdout, lambda: figures(compared))
