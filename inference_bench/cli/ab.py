"""``ab``: two variants, interleaved, until it is settled which is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.analysis.margin import MARGIN
from inference_bench.cli import _interleaved
from inference_bench.cli import _values as values
from inference_bench.cli._command import Command
from inference_bench.cli.run import DEFAULT_MODEL, RunCommand

if TYPE_CHECKING:
    import argparse

_INTERRUPTED = 130


class AbCommand(Command):
    """Measure two variants in turn, A B B A, until it is settled which is better.

    A variant is what it changes in the request: any axis, `model=NAME`, `weights=SOURCE`, `models_dir=DIR`,
    `revision=REF` (the folders of --models-dir as a branch, tag or commit of their git repository has them) or an
    environment variable, `env:NAME=VALUE`; several changes have commas between them.
    All options of `run` hold for both sides; --runs is the most pairs. Measuring stops when every comparison has a
    verdict, or out of pairs or time. Exits with 1 if B is worse than A beyond the margin, or fails where A did not.
    """

    examples = (
        ("dtype=float32 dtype=bfloat16 --benchmark inference_speed", "two number formats"),
        ("threads=1 threads=2 --metric ttft,itl --margin 0.03", "one more thread, by what it does to two metrics"),
        ("env:OMP_WAIT_POLICY=active env:OMP_WAIT_POLICY=passive", "a variable of the environment"),
        ("revision=main revision=HEAD --models-dir my_models --model mine", "two revisions of a model's code"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare both variants, the question, and all that ``run`` takes."""
        parser.add_argument(
            "first", metavar="A", help="what the baseline changes in the request, such as dtype=float32"
        )
        parser.add_argument("second", metavar="B", help="what the other side changes, such as dtype=bfloat16")
        add_question(parser)
        RunCommand().add_arguments(parser)
        parser.set_defaults(runs=60)

    def run(self, args: argparse.Namespace) -> int:
        """Check the whole request, then measure and compare."""
        from inference_bench.analysis.margin import no_aa_floor
        from inference_bench.cli._request import check_output
        from inference_bench.cli._revisions import Revisions
        from inference_bench.machine.environment import describe_environment
        from inference_bench.metrics import get_metric
        from inference_bench.orchestration.interleaved import Question
        from inference_bench.reports._render import check_format
        from inference_bench.results.noise_store import load_noise

        _interleaved.refuse_foreign(args, self, _interleaved.OPTIONS_OF_SWEEPS, positionals=2)
        check_format(args.format, "json")
        check_output(args.output)
        for metric in args.metric:
            get_metric(metric)
        noise = load_noise(str(describe_environment().get("fingerprint")))
        floor = no_aa_floor if noise is None else noise.floor(paired=True)
        with Revisions() as revisions:
            words = (args.first, args.second)
            first, second = (_interleaved.variant(each, args, DEFAULT_MODEL, revisions) for each in words)
            outcome = _interleaved.measure(first, second, Question(args.metric, args.margin, floor), args)
        _interleaved.show(outcome, noise, args.format)
        if outcome.interrupted:
            return _INTERRUPTED
        return 1 if outcome.compared.is_worse else 0


def add_question(parser: argparse.ArgumentParser) -> None:
    """Declare what is to be settled and how long it may take."""
    group = parser.add_argument_group("what to settle")
    group.add_argument(
        "--margin",
        metavar="FRACTION",
        type=values.fraction("margin"),
        default=MARGIN,
        help="changes up to this count as none; the A/A floor and the resolution may ask for more",
    )
    group.add_argument(
        "--metric", metavar="NAME[,NAME]", type=values.names("metric"), default=(), help="only these metrics"
    )
    group.add_argument(
        "--time",
        metavar="SECONDS",
        type=values.seconds("time"),
        default=1800.0,
        help="no further pair is begun after this long",
    )
