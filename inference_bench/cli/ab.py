"""``ab``: variants, interleaved, until their comparison is settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.cli._interleaved import (
    AB_TIME_S,
    MOST_PAIRS,
    add_question,
    add_restarts,
    add_time,
    compare_variants,
)
from inference_bench.cli._run_options import add_paired_run_options, never_load_ahead

if TYPE_CHECKING:
    import argparse


class AbCommand(Command):
    """Measure two or more variants in turn, A B B A, until every comparison is settled.

    The first variant is the baseline; each other one is compared with it. Three or more take turns in a balanced
    order. A variant is what it changes in the request: any axis, `model=NAME`, `endpoint=URL`, `weights=SOURCE`,
    `models_dir=DIR`, `revision=REF` (a branch, tag or commit of the git repository that holds the folders of
    --models-dir), or an environment variable, `env:NAME=VALUE`. Separate several changes with commas, in any order;
    a variable's value may have commas, and one that looks like a change is quoted: `env:NAME="a,b=c"`.
    The other options are those of `run` and hold for all sides; --runs is the maximum number of pairs. Measuring stops
    when the margin settles every comparison, or at the limit of pairs or time. Exits with 1 if a candidate is worse
    than the baseline beyond the margin, or fails where the baseline did not; with 3 if two engines did not do the same
    work, so that no verdict is given.
    """

    usage = ("[options] A B [C ...]",)
    examples = (
        ("dtype=float32 dtype=bfloat16", "compare two number formats"),
        ("dtype=float32 dtype=bfloat16 dtype=int8_dynamic", "each of two against the first"),
        ("dtype=float32 dtype=bfloat16 --detect 2% --dry-run", "how many pairs 2 % takes"),
        ("threads=1 threads=2 --metric ttft,itl", "by two metrics only"),
        ("endpoint=http://127.0.0.1:8000/v1 endpoint=http://127.0.0.1:8001/v1 -a rate=4", "compare two servers"),
        ("env:OMP_WAIT_POLICY=active env:OMP_WAIT_POLICY=passive", "compare values of an environment variable"),
        ("revision=main revision=HEAD --models-dir my_models --model mine", "compare two revisions of a model's code"),
    )

    common = ("--metric", "--margin", "--detect", "--runs", "--time", "--model", "--benchmark", "--format", "--dry-run")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the variants, what is to be settled, and the options of ``run``."""
        parser.add_argument(
            "variants",
            metavar="A",
            nargs="*",
            help="what each variant changes, such as dtype=float32 dtype=bfloat16; the first is the baseline",
        )
        add_question(parser, "what to settle")
        parser.add_argument("--dry-run", action="store_true", help="show the plan; measure and write nothing")
        add_restarts(parser)
        add_time(parser, AB_TIME_S)
        add_paired_run_options(parser, "pairs at most", MOST_PAIRS)
        never_load_ahead(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Measure and compare."""
        return compare_variants(args.variants, args)
