"""The breakdown of a case: its steps repeated alone, with hooks on all modules, and with the profiler as well."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference_bench._native import SpanRecorder, now_ns, span
from inference_bench.benchmark.breakdown.module_spans import module_spans
from inference_bench.benchmark.breakdown.operator_trace import OperatorTrace, operator_trace
from inference_bench.benchmark.breakdown.rows import STEP, OperationRows
from inference_bench.units import NS_PER_S, counted, format_ns

if TYPE_CHECKING:
    from inference_bench.benchmark.benchmark import Benchmark
    from inference_bench.benchmark.breakdown.step_sequence import StepSequence
    from inference_bench.model.model import Model
    from inference_bench.plan import Case

REPETITIONS = 11
_FEWEST = 3
_BUDGET_NS = 20 * NS_PER_S
"""No further repetition begins after this long, once there are the fewest."""

_CAPACITY = 65_536
"""Steps and modules of one repetition; 2 MB."""

_NOT_APPLICABLE = "breakdown: not applicable: only torch's modules can be seen"
_COMPILED = "breakdown: the network is compiled: its modules cannot be told apart, only its operators are shown"


@dataclass(slots=True)
class Breakdown:
    """What was seen.

    Attributes:
        columns: of ``result.Operations`` without ``run``; empty if nothing could be seen.
        notes: what could not be seen, and how exactly the rest, one sentence each.
    """

    columns: dict[str, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def breakdown_of(benchmark: Benchmark, model: Model, case: Case) -> Breakdown:
    """Return where the time of a case's steps goes; a failure is a note, because the case itself has been measured."""
    try:
        sequence = benchmark.steps(model, case)
        if sequence is None:
            return Breakdown()
        network = model.torch_network()
        if network is None:
            return Breakdown(notes=[_NOT_APPLICABLE])
        is_compiled = case.setup.compile != "none"
        return _Passes(sequence, None if is_compiled else network).breakdown()
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        return Breakdown(notes=[f"breakdown: failed: {type(error).__name__}: {first_line}"])


class _Passes:
    """Carries the steps of a case out, recorded in several ways.

    Args:
        sequence: the steps.
        network: whose modules are recorded; None if they cannot be told apart.
    """

    def __init__(self, sequence: StepSequence, network: Any) -> None:
        self._sequence = sequence
        self._network = network
        self._recorder = SpanRecorder(_CAPACITY)
        self._rows = OperationRows()
        self._ways = ("clock", *(["hooks"] if network is not None else []), "profiler")
        self._uncertainty_ns = 0

    def breakdown(self) -> Breakdown:
        """Repeat the steps, each time once in each way, so that all ways see the same machine.

        Before each the steps are carried out once without being recorded, so that each way begins alike.
        """
        for way in self._ways:
            self._carry_out(way)  # the first is slower
            self._recorder.drain()
        began_ns = now_ns()
        for repetition in range(REPETITIONS):
            if repetition >= _FEWEST and now_ns() - began_ns > _BUDGET_NS:
                break
            for way in self._ways:
                self._carry_out("")
                self._recorder.drain()
                trace = self._carry_out(way)
                self._uncertainty_ns = max(self._uncertainty_ns, trace.uncertainty_ns)
                self._rows.add(way, repetition, self._recorder.drain(), trace)
        return Breakdown(self._rows.columns, list(self._notes()))

    def _carry_out(self, way: str) -> OperatorTrace:
        with ExitStack() as stack:
            stack.enter_context(self._recorder)
            if way in ("hooks", "profiler") and self._network is not None:
                stack.enter_context(module_spans(self._network))
            trace = stack.enter_context(operator_trace()) if way == "profiler" else OperatorTrace()
            for name, carry_out in self._sequence.steps.items():
                with span(STEP + name):
                    carry_out()
        self._sequence.reset()
        return trace

    def _notes(self) -> Sequence[str]:
        exactness = f"breakdown: operators are joined with modules by two clocks, to ±{format_ns(self._uncertainty_ns)}"
        lost = self._recorder.counts()["lost"]
        return [
            *([_COMPILED] if self._network is None else [exactness]),
            *([f"breakdown: {counted(lost, 'span')} lost: there was no room for more"] if lost else []),
        ]
