"""The knee of throughput against batch size. Pure functions of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from math import log2

from inference_bench.result import BenchmarkResult, Estimate, Status
from inference_bench.spec import Setup

THROUGHPUT = "output_throughput"
WORTHWHILE_GAIN = 0.1
"""A doubling that gains less than this share of throughput is past the knee: each request takes twice as long."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What the step from one batch size to the next one measured gains, as a share of throughput per doubling.

    Attributes:
        smaller: batch size before the step.
        larger: batch size after it.
        value: from the medians.
        low: from the ends of their intervals, the worst case; None if an interval is missing.
        high: the best case.
    """

    smaller: int
    larger: int
    value: float
    low: float | None
    high: float | None


def gains(throughputs: Sequence[tuple[int, Estimate]]) -> list[Gain]:
    """Return the gain of each step.

    Args:
        throughputs: batch size and throughput, whose value is positive; in any order, each size once.
    """
    ordered = sorted(throughputs, key=lambda point: point[0])
    return [_gain(smaller, larger, before, after) for (smaller, before), (larger, after) in pairwise(ordered)]


def knee(steps: Sequence[Gain], worthwhile: float = WORTHWHILE_GAIN) -> int | None:
    """Return the smallest batch size after which no step gains as much as ``worthwhile``; None if the last one does."""
    found = None
    for step in reversed(steps):
        if step.value >= worthwhile:
            break
        found = step.smaller
    return found


def knee_remarks(results: Sequence[BenchmarkResult], worthwhile: float = WORTHWHILE_GAIN) -> list[str]:
    """Return a sentence for each series of batch sizes among the results: its knee, and where memory ended it."""
    series: dict[str, list[BenchmarkResult]] = {}
    setups = {result.case.setup for result in results if "batch_size" in result.case.parameters}
    for result in results:
        if "batch_size" in result.case.parameters:
            series.setdefault(_label(result, setups), []).append(result)
    return [remark for label, members in series.items() if (remark := _remark(label, members, worthwhile))]


def _gain(smaller: int, larger: int, before: Estimate, after: Estimate) -> Gain:
    doublings = log2(larger / smaller)

    def per_doubling(new: float | None, old: float | None) -> float | None:
        return (new / old) ** (1 / doublings) - 1 if new and old else None

    value = per_doubling(after.value, before.value)
    if value is None:
        raise ValueError(f"throughputs of batch sizes {smaller} and {larger} must be positive")
    return Gain(smaller, larger, value, per_doubling(after.low, before.high), per_doubling(after.high, before.low))


def _remark(label: str, results: Sequence[BenchmarkResult], worthwhile: float) -> str:
    throughputs = [
        (result.case.integer("batch_size"), summary.headline)
        for result in results
        for summary in result.summaries
        if summary.metric == THROUGHPUT and summary.headline.value
    ]
    steps = gains(throughputs)
    sentences = [_knee_sentence(steps, worthwhile)] if steps else []
    too_large = [result.case.integer("batch_size") for result in results if result.status is Status.OOM]
    if too_large:
        sentences.append(f"batch size {min(too_large)} ran out of memory")
    return f"Knee of {label}: {'; '.join(sentences)}." if sentences else ""


def _knee_sentence(steps: Sequence[Gain], worthwhile: float) -> str:
    found = knee(steps, worthwhile)
    if found is None:
        last = steps[-1]
        return f"none up to batch size {last.larger}, where doubling still gains {_share(last)}"
    after = next(step for step in steps if step.smaller == found)
    doubt = after.high is None or after.high >= worthwhile
    return (
        f"batch size {found}; from there to {after.larger} doubling gains {_share(after)}, less than {worthwhile:.0%}"
        + (", though the intervals allow for more" if doubt else "")
    )


def _share(step: Gain) -> str:
    if step.low is None or step.high is None:
        return f"{step.value:.0%}"
    return f"{step.value:.0%} [{step.low:.0%}, {step.high:.0%}]"


def _label(result: BenchmarkResult, setups: set[Setup]) -> str:
    """Name a series by its model, what differs between the set-ups, and its other parameters."""
    case = result.case
    rows = list(zip(*map(astuple, setups), strict=True))
    differing = [field.name for field, values in zip(fields(Setup), rows, strict=True) if len(set(values)) > 1]
    words = [f"{name} {getattr(case.setup, name)}" for name in differing]
    words += [f"{name.replace('_', ' ')} {value}" for name, value in case.parameters.items() if name != "batch_size"]
    return f"{case.model} ({', '.join(words)})" if words else case.model
