"""The phases of a case: which figures have a time of their own, and what the model asks for in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from inference_bench.analysis.advice.intervals import between, exactly
from inference_bench.analysis.advice.missing import AGAIN, MissingFactError
from inference_bench.analysis.demands import demands_of, demands_unknown
from inference_bench.ceilings import Interval
from inference_bench.demands import Demands
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Summary
from inference_bench.spec import ENDPOINT

PROCESS, PREFILL, DECODE, FORWARD, LOAD, REQUESTS = "process", "prefill", "decode", "forward", "load", "requests"
STEPS = (PREFILL, DECODE, FORWARD)
"""Phases in which the model computes, and whose demands are known by formula."""

_PHASE_OF = {"ttft": PREFILL, "itl": DECODE, "forward_time": FORWARD, "request_ttft": REQUESTS}
_TOTAL = "total"
"""The phase of ``load_time`` that is the whole of it."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a case.

    Attributes:
        name: of the phase.
        metric: tag of its time; empty for ``PROCESS``.
        time_ns: median of that time with its interval; the range of the samples where that is narrower.
        fastest_ns: the shortest sample.
    """

    name: str
    metric: str = ""
    time_ns: Interval = field(default_factory=lambda: exactly(0.0))
    fastest_ns: float = 0.0


def phases_of(result: BenchmarkResult) -> tuple[Phase, ...]:
    """Return the phases that rules can judge; of requests to a server only how long they waited."""
    found = tuple(_phases(result))
    requests = tuple(phase for phase in found if phase.name == REQUESTS)
    if result.case.setup.device == ENDPOINT or requests:
        return requests
    is_timed = any((worker.get("decision") or {}).get("targets") for worker in result.workers)
    return (*found, Phase(PROCESS)) if is_timed else found


def _phases(result: BenchmarkResult) -> Iterator[Phase]:
    for summary in result.summaries:
        name = LOAD if summary.metric == "load_time" else _PHASE_OF.get(summary.metric)
        if name is None or (name == LOAD and summary.phase != _TOTAL):
            continue
        if summary.minimum > 0:
            yield Phase(name, summary.metric, time_of(summary), summary.minimum)


def time_of(summary: Summary) -> Interval:
    """Return the median with its interval, or with the range of all samples where that is narrower.

    A few processes have an interval that is wider than all of their samples, or none.
    """
    found = summary.headline
    value = (summary.minimum + summary.maximum) / 2 if found.value is None else found.value
    low = summary.minimum if found.low is None else max(found.low, summary.minimum)
    high = summary.maximum if found.high is None else min(found.high, summary.maximum)
    return Interval(value, min(low, value), max(high, value))


@dataclass(frozen=True, slots=True)
class Work:
    """What one step of a phase asks for.

    Attributes:
        bytes: that it reads at least.
        flops: floating-point operations, two per multiply-add.
        operations: of the framework; None if they were not counted.
    """

    bytes: Interval
    flops: Interval
    operations: Interval | None


def work_of(result: BenchmarkResult, phase: Phase) -> Work:
    """Return what one step of a phase of ``STEPS`` asks for.

    A case's steps have contexts between its prompt and the end of its text: the interval covers all of them.

    Raises:
        MissingFactError: the model's demands, or its lengths, are unknown.
    """
    demands = _demands(result)
    shortest, longest = _prompt(result.case)
    rows = _whole(result.case.parameters, "batch_size", 1)
    operations = None if demands.operations_per_step is None else exactly(demands.operations_per_step)
    if phase.name == DECODE:
        end = longest + _whole(result.case.parameters, "new_tokens", 1)
        sizes = between(demands.decode_bytes(shortest, rows), demands.decode_bytes(end, rows))
        return Work(sizes, between(demands.decode_flops(shortest, rows), demands.decode_flops(end, rows)), operations)
    flops = between(rows * demands.prefill_flops(shortest), rows * demands.prefill_flops(longest))
    return Work(exactly(demands.weight_bytes), flops, operations)


def decode_growth(result: BenchmarkResult, rows: int) -> float:
    """Return the bytes that a decode step of ``rows`` sequences reads over those of one sequence.

    Raises:
        MissingFactError: as ``work_of``.
    """
    demands, (_, context) = _demands(result), _prompt(result.case)
    return demands.decode_bytes(context, rows) / demands.decode_bytes(context, 1)


def weights_share(result: BenchmarkResult) -> float:
    """Return the share of a decode step's bytes that are weights and not keys and values.

    Raises:
        MissingFactError: as ``work_of``.
    """
    demands, (_, context) = _demands(result), _prompt(result.case)
    return demands.weight_bytes / demands.decode_bytes(context)


def matrices_of(result: BenchmarkResult, phase: Phase) -> tuple[tuple[int, int], ...]:
    """Return sizes and counts of the matrices that a decode step multiplies by one row; none if it has more rows."""
    is_one = phase.name == DECODE and _whole(result.case.parameters, "batch_size", 1) == 1
    found = demands_of(result)
    return found.matrices if is_one and found is not None else ()


def _demands(result: BenchmarkResult) -> Demands:
    found = demands_of(result)
    if found is None:
        raise MissingFactError(f"what the model asks for ({demands_unknown(result)})", AGAIN)
    return found


def _prompt(case: Case) -> tuple[int, int]:
    """Return the shortest and the longest prompt; in a batch of mixed lengths the shortest has half of the longest."""
    length = _whole(case.parameters, "input_length", 0)
    if length < 1:
        raise MissingFactError("the length of the prompt", "measure a benchmark with an input_length")
    return (length // 2 or 1 if case.parameters.get("lengths") == "mixed" else length), length


def _whole(parameters: Mapping[str, object], name: str, otherwise: int) -> int:
    value = parameters.get(name, otherwise)
    return value if isinstance(value, int) else otherwise
