"""The spans of all repetitions of a breakdown as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from inference_bench._native import SpanRecords
from inference_bench.benchmark.breakdown.module_spans import PREFIX
from inference_bench.benchmark.breakdown.nesting import Nested, Span, nested
from inference_bench.benchmark.breakdown.operator_trace import OperatorTrace

STEP = "step "
"""What the name of a step's native span begins with, before its name."""

MAIN = "main"
"""The thread that carries out the steps."""


class OperationRows:
    """Columns of ``result.Operations`` without ``run``.

    Attributes:
        columns: by name, equally long.
    """

    def __init__(self) -> None:
        names = ("recorded_by", "repetition", "step", "module", "operator", "depth", "parent")
        self.columns: dict[str, list[Any]] = {name: [] for name in (*names, "start_ns", "duration_ns", "thread")}

    def add(self, recorded_by: str, repetition: int, records: SpanRecords, trace: OperatorTrace) -> None:
        """Add what the native recorder and the profiler saw of one repetition."""
        self.add_spans(recorded_by, repetition, list(_spans(records)), trace)

    def add_spans(self, recorded_by: str, repetition: int, native: Sequence[Span], trace: OperatorTrace) -> None:
        """Add steps, modules and operators of one repetition; what lies outside of all steps is left out."""
        self._append(recorded_by, repetition, MAIN, nested([*native, *trace.main]))
        steps = [each for each in native if each.step]
        for number, operators in sorted(trace.others.items()):
            self._append(recorded_by, repetition, f"thread {number}", nested(_within(steps, operators)))

    def _append(self, recorded_by: str, repetition: int, thread: str, spans: Sequence[Nested]) -> None:
        rows: dict[int, int] = {}
        for place, each in enumerate(spans):
            if not each.span.step:
                continue
            row = self._append_row(recorded_by, repetition, thread, each, rows.get(each.parent, -1))
            rows[place] = row

    def _append_row(self, recorded_by: str, repetition: int, thread: str, each: Nested, parent: int) -> int:
        span = each.span
        names = (recorded_by, repetition, span.step, span.module, span.operator)
        times = (span.begin_ns, span.end_ns - span.begin_ns)
        for column, value in zip(self.columns.values(), (*names, each.depth, parent, *times, thread), strict=True):
            column.append(value)
        return len(self.columns["step"]) - 1


def _spans(records: SpanRecords) -> Iterator[Span]:
    """Yield the steps and modules that the native recorder has seen."""
    table = records.spans()
    names = table.labels("name") or []
    columns = (table.column(name).tolist() for name in ("name", "begin_ns", "duration_ns"))
    for number, begin_ns, duration_ns in zip(*columns, strict=True):
        name, end_ns = names[number], begin_ns + duration_ns
        if name.startswith(STEP):
            yield Span(begin_ns, end_ns, step=name.removeprefix(STEP))
        elif name.startswith(PREFIX):
            yield Span(begin_ns, end_ns, module=name.removeprefix(PREFIX))


def _within(steps: Sequence[Span], operators: Sequence[Span]) -> Iterator[Span]:
    """Yield the operators that begin in a step, with its name."""
    for operator in operators:
        for step in steps:
            if step.begin_ns <= operator.begin_ns < step.end_ns:
                yield replace(operator, step=step.step)
