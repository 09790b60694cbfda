"""``run --on``: the plan in shares, each of which a node carries out alone."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from inference_bench.cli import _values as values
from inference_bench.cli._command import INTERRUPTED
from inference_bench.errors import InvalidValueError
from inference_bench.result import Status
from inference_bench.results.storage import RUN, StoredPath
from inference_bench.results.sweep_file import NodeStatus, ShareStatus, read_sweep
from inference_bench.text import one_line
from inference_bench.units import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from inference_bench.calibration import CalibrationPlan
    from inference_bench.orchestration.placement.placement import Placement
    from inference_bench.results.storage import Folder
    from inference_bench.results.sweep_file import ShareRecord, SweepRecord
    from inference_bench.spec import Spec

_NOT_WITH_ON = ("ab", "gate", "confirm", "slo", "find_capacity", "sink", "isolation", "export", "format")


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


def measure_sweep(spec: Spec, args: argparse.Namespace) -> int:
    """Measure what a spec asks for on nodes, and return the exit code."""
    from inference_bench.orchestration.placement.placement import open_placement
    from inference_bench.orchestration.placement.share import shares_of
    from inference_bench.orchestration.planning import prepare
    from inference_bench.orchestration.sweep import new_sweep, share_records

    given = [name for name in _NOT_WITH_ON if name in args.told]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise InvalidValueError("options with --on", option, "those of the plan", "Each share is a run of its own.")
    calibration = _calibration(spec, args)
    placement = open_placement(args.on)
    prepare(spec, args.models_dir, args.benchmarks_dir)

    async def carry_out() -> int:
        nodes = await placement.open(args.nodes)
        copies = args.copies or len(nodes)
        if copies > len(nodes):
            raise InvalidValueError("--copies", copies, f"at most the {counted(len(nodes), 'node')}")
        identity = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-sweep"
        shares = share_records(shares_of(spec, copies, args.seed))
        record = new_sweep(identity, args.on, shares, seed=args.seed, copies=copies, calibration=calibration)
        return await _carry_out(_new_folder(args.output, identity), record, placement, nodes, args)

    return _run(carry_out, placement)


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
    """Carry out the shares of a sweep that have not ended, and return the exit code."""
    from inference_bench.orchestration.placement.placement import open_placement
    from inference_bench.results.sweep_runs import take_in

    record = take_in(folder, read_sweep(folder))
    placement = open_placement(args.on or record.on)

    async def carry_out() -> int:
        return await _carry_out(folder, record, placement, await placement.open(args.nodes), args)

    return _run(carry_out, placement)


async def _carry_out(
    folder: Folder, record: SweepRecord, placement: Placement, nodes: Sequence[str], args: argparse.Namespace
) -> int:
    from inference_bench.cli._progress import make_progress
    from inference_bench.cli._run_options import marks_of
    from inference_bench.orchestration.sweep import Sweep, SweepRequest

    request = SweepRequest(
        args.models_dir, args.benchmarks_dir, args.force, marks_of(args), tuple(sys.argv), copies=args.copies
    )
    progress = make_progress(quiet=args.quiet, log_json=args.log_json, live=False, stream=sys.stderr)
    sweep = Sweep(folder, record, request, placement, progress)
    try:
        ended = await sweep.carry_out(nodes)
    finally:
        progress.close()
    for line in _lines(ended, folder):
        print(line)
    return 0 if all(map(_is_good, ended.shares)) else 1


def _run(carry_out: Callable[[], Awaitable[int]], placement: Placement) -> int:
    async def all_of_it() -> int:
        try:
            return await carry_out()
        finally:
            await placement.close()

    try:
        return asyncio.run(all_of_it())
    except KeyboardInterrupt:
        print("interrupted: `run --resume SWEEP` carries out what is missing", file=sys.stderr)
        return INTERRUPTED


def _new_folder(output: Folder, identity: str) -> Folder:
    """Return the folder of a new sweep; one on a store begins to exist with its first object.

    Raises:
        UsageError: it cannot be written.
    """
    if isinstance(output, StoredPath):
        output.check_writable()
        return output / f"{RUN}{identity}"
    folder = output.absolute() / identity
    folder.mkdir(parents=True)
    return folder


def _lines(record: SweepRecord, folder: Folder) -> Iterator[str]:
    """Yield what became of each node and share, and where it is."""
    for of in record.nodes:
        if of.status is not NodeStatus.USED:
            yield f"{of.node}: {of.status.value.replace('_', ' ')}"
    for share in record.shares:
        yield f"{share.block} on {share.node or 'no node'}: {share.status.value}{_counted(share.cases)}"
        for attempt in share.attempts:
            if attempt.cause:
                yield f"  {attempt.node}: {one_line(attempt.cause)}"
        if share.run:
            yield f"  {share.run}"
    yield f"{counted(len(record.shares), 'share')} in {folder}"


def _counted(cases: Mapping[str, str]) -> str:
    found = Counter(cases.values())
    return "".join(f", {count} {status}" for status, count in sorted(found.items()))


def _is_good(share: ShareRecord) -> bool:
    bad = {status.value for status in Status if status.is_finding}
    return share.status is ShareStatus.ENDED and not bad.intersection(share.cases.values())
