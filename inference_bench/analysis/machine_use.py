"""How much of a machine's ceilings a model reaches: bandwidth (MBU) and floating-point operations (MFU).

Pure functions. MBU: Databricks 2023, "LLM Inference Performance Engineering"; MFU: Chowdhery et al. 2022 (PaLM). Both
with the bandwidth and the rate that were measured, where those sources take the data sheet's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from inference_bench.ceilings import Ceilings, Interval
from inference_bench.plan import Case
from inference_bench.result import BenchmarkResult, Estimate, Mode, Summary

CACHED = 1.05
"""MBU above which a step reads part of its working set from a cache: more than memory gives."""

SHARES = {
    "achieved_bandwidth": "mbu",
    "prefill_flop_rate": "prefill_mfu",
    "decode_flop_rate": "decode_mfu",
    "forward_flop_rate": "forward_mfu",
}
"""Tag of a rate → tag of its share of the ceiling."""


@dataclass(frozen=True, slots=True)
class MachineUse:
    """One rate of a case and, where the ceiling was known, its share of it.

    Attributes:
        rate: bytes or operations per second.
        share: of the ceiling; None without one.
    """

    rate: Summary
    share: Summary | None

    @property
    def is_cached(self) -> bool:
        """Whether more is read than memory gives, so that part of the working set lies in a cache."""
        value = None if self.share is None else self.share.headline.value
        return self.rate.metric == "achieved_bandwidth" and value is not None and value > CACHED


def machine_uses(result: BenchmarkResult) -> tuple[MachineUse, ...]:
    """Return what a case makes of the machine, one entry per rate; none where the model's demands are unknown."""
    found = {summary.metric: summary for summary in result.summaries}
    return tuple(MachineUse(found[rate], found.get(share)) for rate, share in SHARES.items() if rate in found)


def with_shares(result: BenchmarkResult, ceilings: Ceilings | None) -> BenchmarkResult:
    """Return a result with the shares of its rates; one that has them, from when it was measured, as it is.

    Args:
        result: of one case.
        ceilings: of the device that it ran on; None if they are unknown.
    """
    if ceilings is None or has_shares(result):
        return result
    rates = {tag: float(value) for worker in result.workers for tag, value in (worker.get("rates") or {}).items()}
    found = share_summaries(result.summaries, rate_ceilings(result.case, rates, ceilings))
    return replace(result, summaries=(*result.summaries, *found))


def has_shares(result: BenchmarkResult) -> bool:
    """Return whether the shares of a result's rates are among its figures."""
    return any(summary.metric in SHARES.values() for summary in result.summaries)


def rate_ceilings(case: Case, rates: Mapping[str, float], ceilings: Ceilings) -> dict[str, Interval]:
    """Return the ceiling of each rate of a case that has one, by the rate's tag.

    Args:
        case: whose threads and dtype count.
        rates: bytes or operations of one step; the working set of a decode step is what it reads.
        ceilings: of the device that it ran on.
    """
    setup, found = case.setup, {}
    for rate in SHARES.keys() & rates.keys():
        if rate == "achieved_bandwidth":
            ceiling = ceilings.read_bandwidth(setup.threads, round(rates[rate]))
        else:
            ceiling = ceilings.matmul_rate(setup.dtype, setup.threads)
        if ceiling is not None:
            found[rate] = ceiling
    return found


def share_summaries(summaries: Iterable[Summary], ceilings: Mapping[str, Interval]) -> Iterator[Summary]:
    """Yield the share of each rate that has a ceiling.

    Args:
        summaries: of rates; others are left out.
        ceilings: of ``rate_ceilings``.
    """
    for rate in summaries:
        if rate.metric in ceilings:
            yield _share_summary(rate, ceilings[rate.metric])


def _share_summary(rate: Summary, ceiling: Interval) -> Summary:
    """Return a rate's summary over its ceiling: of all figures only the median's interval has that of the ceiling."""

    def share(value: float) -> float:
        return value / ceiling.value

    return replace(
        rate,
        metric=SHARES[rate.metric],
        cold=None if rate.cold is None else share(rate.cold),
        minimum=share(rate.minimum),
        maximum=share(rate.maximum),
        mean=share(rate.mean),
        modes=tuple(Mode(share(mode.value), mode.share) for mode in rate.modes),
        quantiles={"p50": share_of(rate.quantiles["p50"], ceiling)},
    )


def share_of(rate: Estimate, ceiling: Interval) -> Estimate:
    """Return a rate over its ceiling, both uncertain; without an interval if the rate has none.

    The ends are the corners: the lowest rate over the highest ceiling, and the highest over the lowest. If either
    interval holds its figure with 95 %, both do at least in 90 % of cases, and so does this one; in practice in more.
    """
    return replace(
        rate,
        value=None if rate.value is None else rate.value / ceiling.value,
        low=None if rate.low is None else rate.low / ceiling.high,
        high=None if rate.high is None else rate.high / ceiling.low,
    )
