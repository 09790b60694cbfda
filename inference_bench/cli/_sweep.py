"""``run --on``: the plan in shares, each of which a node carries out alone."""

from __future__ import annotations

import asyncio
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED
from inference_bench.endpoint.key import VARIABLE
from inference_bench.errors import InvalidValueError
from inference_bench.results.storage import RUN, StoredPath
from inference_bench.text import without_secret_words
from inference_bench.units import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from inference_bench.calibration import CalibrationPlan
    from inference_bench.orchestration.placement.placement import Placement
    from inference_bench.orchestration.progress import Progress
    from inference_bench.orchestration.sweep import Sweep, SweepRequest
    from inference_bench.provenance.record import Provenance
    from inference_bench.results.storage import Folder
    from inference_bench.spec import Spec

_JUDGED_LATER = "Each share is a run of its own: judge that when it has ended, by `check` or `report`."
_SHOWN_LATER = "`report SWEEP` shows all shares when they have ended."
_STORED_LATER = "Each share is a run of its own: `run --resume RUN --sink NAME` writes it there when it has ended."
_NOT_WITH_ON = {
    **dict.fromkeys(("gate", "confirm", "slo", "find_capacity"), _JUDGED_LATER),
    **dict.fromkeys(("export", "format"), _SHOWN_LATER),
    "sink": _STORED_LATER,
    "isolation": "A share has processes of its own.",
    "retry_failed": "It belongs to --resume.",
    "endpoint_key_variable": f"Set {VARIABLE} where the nodes are started.",
}
"""Option that a sweep does not take → what to do instead."""
_NOT_OF_A_SWEEP = {
    "retry_failed": "`run --resume RUN --retry-failed` of the share's own run does that.",
    "sink": _STORED_LATER,
    "format": _SHOWN_LATER,
    "endpoint_key_variable": _NOT_WITH_ON["endpoint_key_variable"],
}


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Declare where a sweep is carried out."""
    group = parser.add_argument_group(
        "a sweep over machines", "each model with all its set-ups is measured on one node, in an order of its own"
    )
    group.add_argument(
        "--on",
        metavar="PLACEMENT",
        help="measure in shares: local (this machine), ray (the cluster that RAY_ADDRESS names) or ray://HOST:PORT; "
        "with --output s3://bucket/prefix, or a folder that all nodes share",
    )
    group.add_argument(
        "--nodes", metavar="N", type=values.whole_number("nodes"), help="with --on: nodes to use (default: all)"
    )
    group.add_argument(
        "--copies",
        metavar="N",
        type=values.whole_number("copies"),
        help="with --on: nodes on which each model is measured, to tell a change from a node (default: all that are "
        "used); 1 divides the models among the nodes",
    )
    group.add_argument(
        "--no-calibration",
        action="store_true",
        help="with --on: do not measure clock, harness floor and ceilings of each node before its first share",
    )
    group.add_argument(
        "--leave-out-outliers",
        action="store_true",
        help="with --on: a node whose calibration is outside the band of the others, from four on, measures nothing",
    )


def refuse_without_on(args: argparse.Namespace) -> None:
    """Refuse what has a meaning in a sweep only.

    Raises:
        InvalidValueError: it was given.
    """
    for name in ("nodes", "copies", "no_calibration", "leave_out_outliers"):
        if getattr(args, name):
            option = f"--{name.replace('_', '-')}"
            raise InvalidValueError(option, getattr(args, name), f"no {option} without --on", "Such as --on ray.")


def refuse_of_a_run(args: argparse.Namespace) -> None:
    """Refuse what has a meaning in the resumption of a sweep only, when a run is resumed.

    Raises:
        InvalidValueError: it was given.
    """
    for name in ("on", "nodes"):
        if getattr(args, name) is not None:
            given, expected = getattr(args, name), f"no --{name}: {args.resume} is a run, and no sweep"
            raise InvalidValueError(f"--{name}", given, expected, "It goes on on this machine.")


def measure_sweep(spec: Spec, args: argparse.Namespace) -> int:
    """Measure what a spec asks for on nodes, and return the exit code.

    Raises:
        UsageError: something asked for is refused; nothing was measured.
    """
    from inference_bench.cli._request import measures_here
    from inference_bench.orchestration.placement.placement import open_placement
    from inference_bench.orchestration.placement.share import shares_of
    from inference_bench.orchestration.planning import axes_of_models, prepare
    from inference_bench.orchestration.sweep import Sweep, new_sweep, share_records

    _refuse(args, _NOT_WITH_ON, "with --on")
    calibration = _calibration(spec, args)
    placement, progress = open_placement(args.on), _progress(args)
    here = measures_here(args)
    prepare(spec, args.models_dir, args.benchmarks_dir, here=here)
    axes = axes_of_models(spec, args.models_dir, args.benchmarks_dir)
    request = _request(args)
    if isinstance(args.output, StoredPath):
        args.output.check_writable()

    async def carry_out() -> int:
        nodes = await placement.open(args.nodes)
        copies = args.copies or len(nodes)
        if copies > len(nodes):
            raise InvalidValueError("--copies", copies, f"at most the {counted(len(nodes), 'node')}")
        if not here and not _names_threads(args):
            count = counted(spec.setups[0].threads, "thread")
            progress.warn(
                f"each node measures with {count}, as many as this machine has CPUs: --threads names another number"
            )
        identity = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-sweep"
        shares = share_records(shares_of(spec, copies, args.seed, axes=axes))
        record = new_sweep(identity, args.on, shares, seed=args.seed, copies=copies, calibration=calibration)
        sweep = Sweep(_new_folder(args.output, identity), record, request, placement, progress)
        return await _carry_out(sweep, nodes)

    return _run(carry_out, placement, progress)


def _names_threads(args: argparse.Namespace) -> bool:
    """Return whether a number of threads was asked for."""
    return bool(args.threads) or any(name == "threads" for name, _ in args.axis)


def _calibration(spec: Spec, args: argparse.Namespace) -> CalibrationPlan | None:
    """Return how the nodes are calibrated; None if they are not to be.

    Raises:
        InvalidValueError: outliers are to be left out without it.
    """
    from inference_bench.calibration import CalibrationPlan
    from inference_bench.spec import DTYPES, ENDPOINT

    if args.no_calibration:
        if args.leave_out_outliers:
            raise InvalidValueError("--leave-out-outliers", "--no-calibration", "one of the two", "It tells outliers.")
        return None
    devices = {setup.device for setup in spec.setups} - {ENDPOINT}
    dtypes = {setup.dtype for setup in spec.setups if setup.dtype in DTYPES}
    return CalibrationPlan(
        devices=tuple(sorted(devices)),
        dtypes=tuple(sorted(dtypes)) or DTYPES[:1],
        is_quick=args.effort == "quick",
        leave_out_outliers=args.leave_out_outliers,
    )


def resume_sweep(folder: Folder, args: argparse.Namespace) -> int:
    """Carry out the shares of a sweep that have not ended, and return the exit code.

    Raises:
        UsageError: the sweep cannot be resumed; nothing was measured.
    """
    from inference_bench.cli._sweep_answer import tell_sweep
    from inference_bench.orchestration.placement.placement import open_placement
    from inference_bench.orchestration.sweep import Sweep
    from inference_bench.results.sweep_file import ShareStatus, read_sweep
    from inference_bench.results.sweep_runs import take_in

    _refuse(args, _NOT_OF_A_SWEEP, "with --resume of a sweep")
    record = take_in(folder, read_sweep(folder))
    if all(share.status is ShareStatus.ENDED for share in record.shares):
        print(f"nothing is missing: {counted(len(record.shares), 'share')} of {folder} ended", file=sys.stderr)
        return tell_sweep(record, folder)
    placement, progress = open_placement(args.on or record.on), _progress(args)
    sweep = Sweep(folder, record, _request(args), placement, progress)

    async def carry_out() -> int:
        return await _carry_out(sweep, await placement.open(args.nodes))

    return _run(carry_out, placement, progress)


def _refuse(args: argparse.Namespace, options: Mapping[str, str], how: str) -> None:
    """Refuse options on the command line that a sweep does not take.

    Raises:
        InvalidValueError: one was given.
    """
    for name, advice in options.items():
        if name in args.told:
            option = f"--{name.replace('_', '-')}"
            raise InvalidValueError(option, getattr(args, name), f"no {option} {how}", advice)


def _request(args: argparse.Namespace) -> SweepRequest:
    """Return what all shares have in common.

    Raises:
        InvalidValueError: a label or tag that is not allowed, or a folder of code that is too large to be sent.
    """
    from inference_bench.orchestration.placement.code_folder import code_folder
    from inference_bench.orchestration.sweep import SweepRequest

    for folder in (*args.models_dir, *args.benchmarks_dir):
        code_folder(folder)
    argv = tuple(without_secret_words(sys.orig_argv or sys.argv))
    return SweepRequest(args.models_dir, args.benchmarks_dir, args.force, _marks(args), argv, copies=args.copies)


def _marks(args: argparse.Namespace) -> Provenance:
    """Return label, note and tags, and the repository of the measured code, which nodes need not have."""
    from inference_bench.cli._run_options import marks_of
    from inference_bench.provenance.reading import ProvenanceReading
    from inference_bench.provenance.repository import LIMIT_S

    marks = marks_of(args)
    return replace(marks, code=ProvenanceReading(marks, [*args.models_dir, *args.benchmarks_dir]).result(LIMIT_S).code)


def _progress(args: argparse.Namespace) -> Progress:
    from inference_bench.cli._progress import make_progress

    return make_progress(quiet=args.quiet, log_json=args.log_json, live=False, stream=sys.stderr)


async def _carry_out(sweep: Sweep, nodes: Sequence[str]) -> int:
    from inference_bench.cli._sweep_answer import tell_sweep

    return tell_sweep(await sweep.carry_out(nodes), sweep.folder)


def _run(carry_out: Callable[[], Awaitable[int]], placement: Placement, progress: Progress) -> int:
    async def all_of_it() -> int:
        try:
            return await carry_out()
        finally:
            progress.close()
            await placement.close()

    try:
        return asyncio.run(all_of_it())
    except KeyboardInterrupt:
        print("interrupted: `run --resume SWEEP` carries out what is missing", file=sys.stderr)
        return INTERRUPTED


def _new_folder(output: Folder, identity: str) -> Folder:
    """Return the folder of a new sweep; one on a store begins to exist with its first object."""
    if isinstance(output, StoredPath):
        return output / f"{RUN}{identity}"
    folder = output.absolute() / identity
    folder.mkdir(parents=True)
    return folder
