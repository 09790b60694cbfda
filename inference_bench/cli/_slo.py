"""``--slo``: objectives of a load, and the exit code that their verdicts give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.errors import UsageError
from inference_bench.result import SloOutcome
from inference_bench.slo import FAILURES, METRICS_OF_SLO, joined, parse_slo

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from inference_bench.result import BenchmarkResult

_CAPACITY = "serving_capacity"

EXIT_CODES = {SloOutcome.PASS: 0, SloOutcome.FAIL: 1, SloOutcome.OPEN: 3}
"""As of a new run that its history judges: 1 if it is bad, 3 if that is open."""


def add_slo_option(parser: argparse._ActionsContainer, what: str) -> None:
    """Declare the objectives.

    Args:
        parser: of the command.
        what: is judged by them.
    """
    names = ", ".join((*METRICS_OF_SLO, FAILURES))
    parser.add_argument(
        "--slo",
        metavar="OBJECTIVE",
        action="append",
        type=_slo,
        default=[],
        help=f"{what}, such as 'ttft.p99<=300ms', 'tpot.p95<=50ms' or 'failures<=1%%': PASS, FAIL (exit 1) or NOT "
        f"ENOUGH DATA (exit 3); of {names}; may be repeated",
    )


def add_capacity_option(parser: argparse._ActionsContainer) -> None:
    """Declare the search for the highest rate that meets the objectives."""
    parser.add_argument(
        "--find-capacity",
        action="store_true",
        help="find the highest rate at which all of --slo are met, in each process anew, instead of judging one rate; "
        "the same as --benchmark serving_capacity -a slo=OBJECTIVES",
    )


def ask_for_capacity(args: argparse.Namespace) -> None:
    """Turn ``--find-capacity`` into the benchmark and the axis that it stands for.

    Raises:
        UsageError: a search without objectives, or beside another benchmark.
    """
    if not args.slo:
        raise UsageError("--find-capacity needs an objective to meet: add --slo 'ttft.p99<=300ms', for example.")
    if args.benchmark or args.suite:
        raise UsageError(f"--find-capacity is a benchmark by itself ({_CAPACITY}): leave --benchmark and --suite out.")
    args.benchmark = [(_CAPACITY,)]
    args.axis = [*args.axis, ("slo", (joined(args.slo),))]
    args.slo = []  # each window is judged by them, not the case


def slo_exit_code(results: Iterable[BenchmarkResult]) -> int:
    """Return 1 if an objective fails, 3 if one is open, else 0."""
    codes = {EXIT_CODES[result.slo.outcome] for result in results if result.slo}
    return next((code for code in (1, 3) if code in codes), 0)


def _slo(text: str) -> str:
    return parse_slo(text).text
