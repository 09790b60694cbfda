"""A breakdown whose parts are known, for tests of what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference_bench.benchmark.breakdown.nesting import Span
from inference_bench.benchmark.breakdown.operator_trace import OperatorTrace
from inference_bench.benchmark.breakdown.rows import OperationRows
from inference_bench.result import BenchmarkResult, Operations
from inference_bench.testing import make_case, make_result
from inference_bench.units import NS_PER_MS, NS_PER_S

MS = NS_PER_MS
STEP_NS = 100 * MS


def decode_of(operator_ns: int = 0) -> list[Span]:
    """Return a step of 100 ms from 1 s on: a network of 90 ms, two layers of 30 ms, 10 ms of each in ``mlp``."""
    begin_ns = NS_PER_S
    spans = [
        Span(begin_ns, begin_ns + STEP_NS, step="decode"),
        Span(begin_ns + 5 * MS, begin_ns + 95 * MS, module="Net"),
    ]
    for number in range(2):
        layer_ns = begin_ns + (10 + 40 * number) * MS
        spans += [
            Span(layer_ns, layer_ns + 30 * MS, module=f"layers.{number}"),
            Span(layer_ns + 10 * MS, layer_ns + 20 * MS, module=f"layers.{number}.mlp"),
        ]
        if operator_ns:
            spans.append(Span(layer_ns + 12 * MS, layer_ns + 12 * MS + operator_ns, operator="aten::mm"))
    return spans


def operations(stretches: Sequence[float] = (1.0, 1.0, 1.0, 1.0), *, profiler_cost: float = 1.0) -> Operations:
    """Return the breakdown of ``decode_of`` in each way, one repetition for each factor on all times."""
    rows = OperationRows()
    for repetition, stretch in enumerate(stretches):
        rows.add_spans("clock", repetition, _stretched(decode_of()[:1], stretch), OperatorTrace())
        rows.add_spans("hooks", repetition, _stretched(decode_of(), stretch), OperatorTrace())
        rows.add_spans("profiler", repetition, _stretched(decode_of(6 * MS), stretch * profiler_cost), OperatorTrace())
    return Operations.joined([{"run": 0, **rows.columns}])


def result_with_breakdown(table: Operations | None = None) -> BenchmarkResult:
    """Return the result of a case that has samples and a breakdown."""
    case = make_case(input_length=32, new_tokens=4, view="steps")
    result = make_result({"itl": [[STEP_NS] * 40]}, case=case, phases={"itl": "decode"})
    return replace(result, operations=table or operations())


def _stretched(spans: Sequence[Span], factor: float) -> list[Span]:
    def scaled(time_ns: int) -> int:
        return NS_PER_S + round((time_ns - NS_PER_S) * factor)

    return [replace(span, begin_ns=scaled(span.begin_ns), end_ns=scaled(span.end_ns)) for span in spans]
