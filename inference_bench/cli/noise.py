"""``noise``: how much identical configurations differ on this machine."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from inference_bench.cli import _interleaved
from inference_bench.cli._command import INTERRUPTED, Command
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import JSON, PAGE_FORMATS, outputs_of
from inference_bench.cli._run_options import add_paired_run_options, never_load_ahead
from inference_bench.errors import InferenceBenchError

if TYPE_CHECKING:
    import argparse

    from inference_bench.results.noise_store import Noise


class NoiseCommand(Command):
    """Measure a configuration against itself: the A/A floor, the smallest difference that can be believed.

    Measures interleaved pairs of fresh processes, all of one configuration, and adds the result to the noise file of
    this machine in the user's state folder; `compare` and `ab` read it there. The other options are those of `run`;
    --runs is the number of pairs.
    """

    examples = (
        ("", "ten pairs of the default model"),
        ("--benchmark inference_speed --runs 20", "more pairs"),
    )

    common = ("--runs", "--time", "--model", "--benchmark", "--format")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the time, and the options of ``run``."""
        _interleaved.add_time(parser, 3600.0)
        add_paired_run_options(parser, "pairs", 10)
        never_load_ahead(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Measure, keep the result, and print the floors."""
        from inference_bench.cli._request import check_output
        from inference_bench.cli._revisions import Revisions
        from inference_bench.orchestration.interleaved import Question
        from inference_bench.results.noise_store import KIND, add_noise, load_noise
        from inference_bench.results.state_folder import check_state_folder

        outputs = outputs_of(args, PAGE_FORMATS)
        check_output(args.output)
        check_state_folder(KIND)
        with Revisions() as revisions:
            same = _interleaved.variant("", args, revisions)
        halves = [replace(same, name=f"{letter}, {same.name}") for letter in "AB"]
        outcome = _interleaved.measure(halves, Question(may_stop=False), args)
        if outcome.interrupted:
            print("interrupted: nothing was added to the noise file of this machine", file=sys.stderr)
            return INTERRUPTED
        fingerprint = str(outcome.runs[0].record.environment.get("fingerprint", "unknown"))
        try:
            folder, path = None, add_noise(*outcome.comparison.observed[0], fingerprint)
        except InferenceBenchError as error:  # hours of measuring must not be lost to a full disk
            folder, path = outcome.folder, add_noise(*outcome.comparison.observed[0], fingerprint, outcome.folder)
            warn(f"{error} Kept in {path} instead: copy it to the folder named above.")
        noise = load_noise(fingerprint, folder)
        _interleaved.show(replace(outcome, comparison=replace(outcome.comparison, noise=noise)), outputs)
        if noise is not None and outputs.format != JSON:
            _print_floors(noise)
        print(f"added to {path}", file=sys.stderr)
        has_findings = any(result.status.is_finding for run in outcome.runs for result in run.results)
        return int(has_findings or bool(outcome.sink_failure))


def _print_floors(noise: Noise) -> None:
    from inference_bench.cli._columns import aligned

    heading = ("benchmark", "metric", "phase", "interleaved", "separate")
    rows = [
        (*slot, *(f"{100 * noise.floor_of(slot, paired=paired):.2f} %" for paired in (True, False)))
        for slot in noise.cases
    ]
    print("\nA/A floors of this machine")
    print("\n".join(aligned([heading, *rows])))
