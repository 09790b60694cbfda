"""``ceilings``: the fastest that this machine can read, multiply and call."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED, Command
from inference_bench.cli._messages import warn
from inference_bench.cli._outputs import PLAIN_FORMATS, add_output_options, outputs_of, write_plain

if TYPE_CHECKING:
    import argparse

    from inference_bench.ceilings import Ceilings


class CeilingsCommand(Command):
    """Measure how fast this machine reads memory, multiplies matrices and calls the smallest operation.

    These are the ceilings that a model's speed is held against. They are kept in the user's state folder, one file per
    machine, and shown from there until they are 30 days old. Measuring takes about a minute on two CPUs; nothing
    else should run meanwhile. Ceilings of a busy machine are marked wherever they are used, never replace those of a
    calm one, and are measured again once the machine is calm.
    """

    examples = (
        ("", "measure, or show what is known"),
        ("--again", "measure although they are known"),
        ("--threads 1,4 --dtype bfloat16", "only these"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what is measured."""
        parser.add_argument("--device", metavar="NAME", default="cpu", help="cpu, cuda or cuda:N")
        parser.add_argument(
            "--threads",
            metavar="N,N",
            type=values.whole_numbers("threads"),
            default=(),
            help="threads of the framework (default: 1, 2, 4 … up to the usable CPUs)",
        )
        parser.add_argument(
            "--dtype",
            metavar="NAME,NAME",
            type=values.names("dtype"),
            default=(),
            help="(default: all of torch)",
        )
        parser.add_argument("--again", action="store_true", help="measure although they are known")
        parser.add_argument(
            "--force", action="store_true", help="keep what was measured on a busy machine instead of what is known"
        )
        add_output_options(parser, PLAIN_FORMATS)

    def run(self, args: argparse.Namespace) -> int:
        """Measure if needed, keep the result, and print it."""
        from inference_bench.cli._ceilings_table import ceilings_lines
        from inference_bench.results.serialization import plain

        outputs = outputs_of(args, PLAIN_FORMATS)
        try:
            found = _known(args) or _measured(args)
        except KeyboardInterrupt:
            print("interrupted: the ceilings that were known are unchanged", file=sys.stderr)
            return INTERRUPTED
        write_plain(plain(found), lambda: ceilings_lines(found), outputs)
        return 0


def _known(args: argparse.Namespace) -> Ceilings | None:
    """Return the stored ceilings if they have what is asked for, and measuring would not make them better."""
    from inference_bench.machine.device import check_device
    from inference_bench.machine.environment import describe_environment
    from inference_bench.orchestration.ceilings import is_worth_measuring
    from inference_bench.results.ceilings_store import load_ceilings

    check_device(args.device)
    if args.again:
        return None
    found = load_ceilings(str(describe_environment().get("fingerprint")), args.device)
    is_enough = found is not None and found.has(args.threads, args.dtype)
    return found if is_enough and not is_worth_measuring(found) else None


def _measured(args: argparse.Namespace) -> Ceilings:
    from inference_bench.orchestration.ceilings import measure_ceilings
    from inference_bench.results.ceilings_store import KIND, store_ceilings
    from inference_bench.results.state_folder import check_state_folder

    def note(number: int, of: int, title: str) -> None:
        print(f"[{number}/{of}] {title}", file=sys.stderr)

    check_state_folder(KIND)
    found = measure_ceilings(args.device, threads=args.threads, dtypes=args.dtype, note=note)
    for dtype in args.dtype:
        if not found.has((), (dtype,)):
            warn(f"{dtype} is left out: torch cannot multiply it on {args.device}")
    path = store_ceilings(found, force=args.force)
    if path is None:
        warn(
            "not kept: the machine was busy, and ceilings of a calm one are known. --again --force keeps these instead"
        )
    else:
        print(f"kept in {path}", file=sys.stderr)
    return found
