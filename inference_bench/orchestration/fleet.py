"""The nodes of a sweep before its first share: calibrated, held against each other, and left out if that was asked."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from inference_bench.analysis.calibration_figures import calibration_rows, fact_differences, outside_bands
from inference_bench.analysis.calibration_words import difference_words, no_band_words, outside_words
from inference_bench.analysis.fleet_band import LEAST_FOR_BAND
from inference_bench.calibration import Calibration, CalibrationPlan
from inference_bench.errors import InvalidValueError
from inference_bench.orchestration.placement.placement import NodeLostError, Placement
from inference_bench.orchestration.placement.process_end import how_it_ended
from inference_bench.orchestration.placement.share import CALIBRATE, CALIBRATED
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.together import together
from inference_bench.results.reading import read_as
from inference_bench.results.serialization import plain
from inference_bench.results.sweep_file import NodeRecord, NodeStatus, SweepRecord
from inference_bench.units import counted


async def calibrate_nodes(
    nodes: Collection[str],
    plan: CalibrationPlan,
    placement: Placement,
    progress: Progress,
    known: Callable[[NodeRecord], Awaitable[None]],
) -> None:
    """Calibrate nodes, all at the same time, each in a fresh process of its own.

    Args:
        nodes: their names.
        plan: what is measured.
        placement: carries the requests out.
        progress: is told what happens.
        known: is called with each node when its calibration has ended, or the node has died.
    """

    async def one(node: str) -> None:
        await known(await _calibrated(node, plan, placement, progress))

    await together(one(node) for node in nodes)


async def _calibrated(node: str, plan: CalibrationPlan, placement: Placement, progress: Progress) -> NodeRecord:
    progress.message(f"{node}: calibration")
    found: dict[str, Any] = {}
    try:
        async with aclosing(placement.carry_out(json.dumps({CALIBRATE: plain(plan)}), node)) as lines:
            async for line in lines:
                event = json.loads(line)
                found[event["event"]] = event
                if event["event"] == "message":
                    progress.message(f"{node}: {event['text']}")
    except NodeLostError as error:
        progress.warn(f"{node} is lost: {error}")
        return NodeRecord(node, NodeStatus.LOST, cause=str(error))
    if CALIBRATED not in found:
        cause = how_it_ended(found)
        progress.warn(f"{node} is not calibrated: {cause}")
        return NodeRecord(node, cause=cause)
    calibration = read_as(Calibration, found[CALIBRATED]["calibration"], f"calibration of {node}")
    for problem in calibration.problems:
        progress.warn(f"{node}: {problem}")
    return NodeRecord(node, calibration=calibration)


def judged(record: SweepRecord) -> SweepRecord:
    """Return a sweep whose nodes have the figures by which they are outside the fleet's band.

    They are left out if the plan says so; a node that has begun to measure stays.
    """
    plan = record.calibration
    assert plan is not None
    outside = outside_bands(calibration_rows(record.calibrations, plan.dtypes))
    settled = {attempt.node for share in record.shares for attempt in share.attempts}

    def judge(of: NodeRecord) -> NodeRecord:
        if of.node in settled or of.status is NodeStatus.LOST:
            return of
        found = outside.get(of.node, ())
        is_left_out = plan.leave_out_outliers and found
        return replace(of, status=NodeStatus.LEFT_OUT if is_left_out else NodeStatus.USED, outside=found)

    return replace(record, nodes=tuple(map(judge, record.nodes)))


def tell_fleet(record: SweepRecord, progress: Progress) -> None:
    """Tell what the calibrations say of the fleet: the nodes outside its band, and the facts that differ."""
    calibrations = record.calibrations
    if 1 < len(calibrations) < LEAST_FOR_BAND:
        progress.message(no_band_words(len(calibrations)))
    for of in record.nodes:
        left_out = "; it is left out" if of.status is NodeStatus.LEFT_OUT else ""
        for outside in of.outside:
            progress.warn(f"{of.node} is outside the band of the fleet: {outside_words(outside)}{left_out}")
    for difference in fact_differences(calibrations):
        progress.warn(difference_words(difference))


def taking_part(record: SweepRecord, given: Sequence[str]) -> list[str]:
    """Return those of the given nodes that are neither left out nor lost."""
    part = {of.node for of in record.nodes if of.status is NodeStatus.USED}
    return [node for node in given if node in part]


def with_fitting_copies(record: SweepRecord, asked: int | None, nodes: int, progress: Progress) -> SweepRecord:
    """Return a sweep that has not begun with at most as many copies as nodes; one that has begun stays.

    Args:
        record: of the sweep.
        asked: copies on the command line; None if they follow from the nodes.
        nodes: that take part.
        progress: is told of fewer copies.

    Raises:
        InvalidValueError: more copies were asked for than nodes take part.
    """
    has_begun = any(share.attempts for share in record.shares)
    if has_begun or not 0 < nodes < record.copies:
        return record
    missing = ", ".join(of.node for of in record.nodes if of.status is not NodeStatus.USED)
    if asked is not None:
        expected = f"at most the {counted(nodes, 'node')} that take part"
        raise InvalidValueError("--copies", asked, expected, f"Left out or lost: {missing}.")
    without = f", without {missing}" if missing else ""
    progress.warn(f"each model is measured on {counted(nodes, 'node')} instead of {record.copies}{without}")
    shares = tuple(share for share in record.shares if share.copy < nodes)
    return replace(record, copies=nodes, shares=shares)
