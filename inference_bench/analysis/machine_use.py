"""How much of a machine's ceilings a model reaches: bandwidth (MBU) and floating-point operations (MFU).

Pure functions. MBU: Databricks 2023, "LLM Inference Performance Engineering"; MFU: Chowdhery et al. 2022 (PaLM). Both
with the bandwidth and the rate that were measured, where those sources take the data sheet's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inference_bench.ceilings import Ceilings, Interval
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Summary

CACHED = 1.05
"""MBU above which a step reads part of its working set from a cache: more than memory gives."""

_SHARES = {
    "achieved_bandwidth": "mbu",
    "prefill_flop_rate": "mfu",
    "decode_flop_rate": "mfu",
    "forward_flop_rate": "mfu",
}
"""Tag of a rate → tag of its share of the ceiling."""


@dataclass(frozen=True, slots=True)
class MachineUse:
    """One rate of a case and, where the ceiling is known, its share of it.

    Attributes:
        metric: ``mbu`` or ``mfu``.
        rate: bytes or operations per second.
        ceiling: of the machine, with the case's threads and dtype; None if unknown.
        share: of the ceiling; None if it, or the interval of the rate, is unknown.
    """

    metric: str
    rate: Summary
    ceiling: Interval | None
    share: Interval | None

    @property
    def is_cached(self) -> bool:
        """Whether more is read than memory gives, so that part of the working set lies in a cache."""
        return self.metric == "mbu" and self.share is not None and self.share.value > CACHED


def machine_uses(result: BenchmarkResult, ceilings: Ceilings | None = None) -> tuple[MachineUse, ...]:
    """Return what a case makes of the machine, one entry per rate; none where the model's demands are unknown.

    Args:
        result: of one case.
        ceilings: of the device that it ran on; None if they are unknown.
    """
    rates = [summary for summary in result.summaries if summary.metric in _SHARES]
    return tuple(_uses(result, rates, ceilings))


def _uses(result: BenchmarkResult, rates: list[Summary], ceilings: Ceilings | None) -> Iterator[MachineUse]:
    for rate in rates:
        ceiling = None if ceilings is None else _ceiling(result.case, rate.metric, _amount(result, rate), ceilings)
        share = None if ceiling is None else share_of(rate.headline, ceiling)
        yield MachineUse(_SHARES[rate.metric], rate, ceiling, share)


def _ceiling(case: Case, metric: str, amount: float, ceilings: Ceilings) -> Interval | None:
    """Return the ceiling of a rate; the working set of a decode step is what it reads."""
    if metric == "achieved_bandwidth":
        return ceilings.read_bandwidth(case.setup.threads, round(amount))
    return ceilings.matmul_rate(case.setup.dtype, case.setup.threads)


def _amount(result: BenchmarkResult, rate: Summary) -> float:
    """Return the bytes or operations of one step, which the first process stored."""
    rates = (worker.get("rates") or {} for worker in result.workers)
    return next((float(of[rate.metric]) for of in rates if rate.metric in of), 0.0)


def share_of(rate: Estimate, ceiling: Interval) -> Interval | None:
    """Return a rate over its ceiling, both uncertain; None if the rate has no interval.

    The ends are the corners: the lowest rate over the highest ceiling, and the highest over the lowest. If either
    interval holds its figure with 95 %, both do at least in 90 % of cases, and so does this one; in practice in more.
    """
    if rate.value is None or rate.low is None or rate.high is None:
        return None
    return Interval(rate.value / ceiling.value, rate.low / ceiling.high, rate.high / ceiling.low)
