"""``noise``: by how much identical configurations differ on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference_bench.cli import _interleaved
from inference_bench.cli import _values as values
from inference_bench.cli._command import Command
from inference_bench.cli.run import DEFAULT_MODEL, RunCommand

if TYPE_CHECKING:
    import argparse

    from inference_bench.results.noise_store import Noise

_INTERRUPTED = 130


class NoiseCommand(Command):
    """Measure a configuration against itself: the A/A floor, below which no difference is believed.

    Interleaved pairs of fresh workers, all of one configuration. The result is added to what is known of this machine
    in the user's state folder, where `compare` and `ab` look it up. Takes all options of `run`; --runs is the number
    of pairs.
    """

    examples = (
        ("", "the performance suite on the default model: ten pairs"),
        ("--benchmark inference_speed --input-lengths 128 --runs 20", "one case, more pairs"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the time, and all that ``run`` takes."""
        parser.add_argument(
            "--time",
            metavar="SECONDS",
            type=values.seconds("time"),
            default=3600.0,
            help="no further pair is begun after this long",
        )
        RunCommand().add_arguments(parser)
        parser.set_defaults(runs=10)

    def run(self, args: argparse.Namespace) -> int:
        """Measure, keep the result and say what the floors are now."""
        from inference_bench.cli._request import check_output
        from inference_bench.cli._revisions import Revisions
        from inference_bench.orchestration.interleaved import Question
        from inference_bench.reports._render import check_format
        from inference_bench.results.comparison_sides import observe
        from inference_bench.results.noise_store import add_noise, load_noise

        _interleaved.refuse_foreign(args, self, _interleaved.OPTIONS_OF_SWEEPS)
        check_format(args.format, "json")
        check_output(args.output)
        with Revisions() as revisions:
            same = _interleaved.variant("", args, DEFAULT_MODEL, revisions)
        outcome = _interleaved.measure(same, same, Question(may_stop=False), args)
        if outcome.interrupted:
            print("interrupted: nothing was added to what is known of this machine", file=sys.stderr)
            return _INTERRUPTED
        before, after = (observe(name, [run], paired=True) for name, run in zip("AB", outcome.runs, strict=True))
        fingerprint = str(outcome.runs[0].record.environment.get("fingerprint", "unknown"))
        path = add_noise(before, after, fingerprint)
        noise = load_noise(fingerprint)
        _interleaved.show(outcome, noise, args.format)
        if noise is not None and args.format != "json":
            _print_floors(noise)
        print(f"added to {path}", file=sys.stderr)
        return 1 if any(result.status.is_finding for run in outcome.runs for result in run.results) else 0


def _print_floors(noise: Noise) -> None:
    from inference_bench.cli._columns import aligned

    heading = ("benchmark", "metric", "phase", "interleaved", "separate")
    rows = [
        (*slot, *(f"{100 * noise.floor_of(slot, paired=paired):.2f} %" for paired in (True, False)))
        for slot in noise.cases
    ]
    print("\nA/A floors of this machine")
    print("\n".join(aligned([heading, *rows])))
