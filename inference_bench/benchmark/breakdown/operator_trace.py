"""The operators that torch.profiler sees, on the clock of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from inference_bench._native import now_ns
from inference_bench.benchmark.breakdown.clock_map import Anchor, ClockMap
from inference_bench.benchmark.breakdown.nesting import Span

_ANCHORS = 16
"""Anchors before the steps, and as many after them."""
_ANCHOR = "aten::empty"


@dataclass(slots=True)
class OperatorTrace:
    """What was recorded, once the block of ``operator_trace`` has ended.

    Attributes:
        main: the operators of the thread that ran the block.
        others: number of another thread, as torch counts them → its operators.
        uncertainty_ns: the most by which their times may be off.
    """

    main: list[Span] = field(default_factory=list)
    others: dict[int, list[Span]] = field(default_factory=dict)
    uncertainty_ns: int = 0


@contextmanager
def operator_trace() -> Iterator[OperatorTrace]:
    """Record the operators that torch carries out on CPU threads while the block runs.

    The profiler has a clock of its own. Before and after the block, operators that do nothing are called between two
    readings of ours: each tells how far apart the two clocks are (``clock_map``).
    """
    import torch

    trace = OperatorTrace()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        before = _anchor_readings(torch)
        yield trace
        after = _anchor_readings(torch)
    _fill(trace, list(profiler.profiler.kineto_results.events()), before, after)


def _anchor_readings(torch: Any) -> list[tuple[int, int]]:
    """Call the operator of an anchor again and again; return the clock before and after each call."""
    readings = []
    for _ in range(_ANCHORS):
        begin_ns = now_ns()
        torch.empty(0)
        readings.append((begin_ns, now_ns()))
    return readings


def _fill(
    trace: OperatorTrace, events: Sequence[Any], before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]]
) -> None:
    operators = sorted(
        (each for each in events if str(each.device_type()).endswith("CPU") and not each.is_user_annotation()),
        key=lambda each: (each.start_ns(), -each.duration_ns()),
    )
    empties = [each for each in operators if each.name() == _ANCHOR]
    clock = ClockMap(_anchors(empties[:_ANCHORS], before), _anchors(empties[-_ANCHORS:], after))
    trace.uncertainty_ns = clock.uncertainty_ns
    main = empties[0].start_thread_id()
    anchored = {id(each) for each in (*empties[:_ANCHORS], *empties[-_ANCHORS:])}
    for each in operators:
        if id(each) in anchored:
            continue
        begin_ns, end_ns = clock.ours(each.start_ns()), clock.ours(each.start_ns() + each.duration_ns())
        thread = each.start_thread_id()
        into = trace.main if thread == main else trace.others.setdefault(thread, [])
        into.append(Span(begin_ns, end_ns, operator=each.name()))


def _anchors(events: Sequence[Any], readings: Sequence[tuple[int, int]]) -> list[Anchor]:
    return [
        Anchor(begin_ns, end_ns, each.start_ns(), each.start_ns() + each.duration_ns())
        for each, (begin_ns, end_ns) in zip(events, readings, strict=True)
    ]
