from __future__ import annotations

import random
from dataclasses import replace

import pytest

from inference_bench.analysis.derived_summaries import derived_summary
from inference_bench.analysis.machine_use import machine_uses, rate_ceilings, share_of, with_shares
from inference_bench.ceilings import Ceilings, Interval, MatmulRate, ReadBandwidth
from inference_bench.result import BenchmarkResult, Estimate
from inference_bench.testing import make_result
from inference_bench.units import NS_PER_MS

CEILINGS = Ceilings(
    fingerprint="a machine",
    device="cpu",
    measured_utc="2026-01-01T00:00:00+00:00",
    read=(
        ReadBandwidth(2, 1_000, Interval(40e9, 38e9, 42e9)),
        ReadBandwidth(2, 100_000_000, Interval(10e9, 9e9, 11e9)),
    ),
    matmul=(MatmulRate("float32", 2, Interval(200e9, 190e9, 210e9)),),
    operation_ns=Interval(1000, 900, 1100),
)


def _result(step_bytes: int, itl_ns: int) -> BenchmarkResult:
    """Return a result whose decode steps read so many bytes; intervals of 1 % around the time."""
    times = [itl_ns + place * itl_ns // 10_000 for place in range(-40, 41)]
    random.Random(0).shuffle(times)
    result = make_result({"itl": [times]})
    rate = derived_summary("achieved_bandwidth", result.summaries[0], step_bytes)
    flops = derived_summary("decode_flop_rate", result.summaries[0], 2 * step_bytes)
    workers = ({"rates": {"achieved_bandwidth": step_bytes, "decode_flop_rate": 2 * step_bytes}},)
    return replace(result, summaries=(*result.summaries, rate, flops), workers=workers)


def _shown(step_bytes: int, itl_ns: int, ceilings: Ceilings | None = CEILINGS):
    return machine_uses(with_shares(_result(step_bytes, itl_ns), ceilings))


def test_mbu_is_the_bytes_of_a_step_over_its_time_and_the_bandwidth_at_that_working_set():
    bandwidth, operations = _shown(100_000_000, 20 * NS_PER_MS)

    share = bandwidth.share.headline
    assert bandwidth.share.metric == "mbu"
    assert share.value == pytest.approx(0.5)
    assert share.low < 0.5 * 10 / 11 < 0.5 * 10 / 9 < share.high
    assert not bandwidth.is_cached
    assert operations.share.metric == "decode_mfu"
    assert operations.share.headline.value == pytest.approx(10e9 / 200e9)


def test_the_ceiling_of_a_rate_is_that_of_its_working_set_threads_and_dtype():
    case = _result(1_000_000, NS_PER_MS).case
    rates = {"achieved_bandwidth": 100_000_000.0, "decode_flop_rate": 5.0, "decode_rate": 1.0}

    found = rate_ceilings(case, rates, CEILINGS)
    in_cache = rate_ceilings(case, {"achieved_bandwidth": 900.0}, CEILINGS)

    assert found == {"achieved_bandwidth": Interval(10e9, 9e9, 11e9), "decode_flop_rate": Interval(200e9, 190e9, 210e9)}
    assert in_cache["achieved_bandwidth"].value == 40e9


def test_a_share_has_every_figure_of_its_rate():
    use = _shown(100_000_000, 20 * NS_PER_MS)[0]
    rate, share = use.rate, use.share

    for name in ("minimum", "maximum", "mean"):
        assert getattr(share, name) == pytest.approx(getattr(rate, name) / 10e9)
    assert (share.n, share.runs, share.phase, share.converged) == (rate.n, rate.runs, rate.phase, rate.converged)
    assert [mode.value for mode in share.modes] == [pytest.approx(mode.value / 10e9) for mode in rate.modes]


def test_shares_of_a_run_are_not_computed_anew_by_other_ceilings():
    measured = with_shares(_result(100_000_000, 20 * NS_PER_MS), CEILINGS)
    faster = replace(CEILINGS, read=(ReadBandwidth(2, 100_000_000, Interval(20e9, 19e9, 21e9)),))

    assert with_shares(measured, faster) is measured


def test_a_step_that_reads_more_than_memory_gives_is_partly_cached():
    assert _shown(100_000_000, 9 * NS_PER_MS)[0].is_cached


def test_rates_are_known_where_ceilings_are_not():
    result = _result(1_000_000, NS_PER_MS)
    other = replace(result, case=replace(result.case, setup=replace(result.case.setup, threads=7, dtype="float16")))

    for of, ceilings in ((result, None), (other, CEILINGS)):
        uses = machine_uses(with_shares(of, ceilings))
        assert [use.share for use in uses] == [None, None]
        assert uses[0].rate.headline.value == pytest.approx(1e9)


def test_a_rate_without_an_interval_has_a_share_without_one():
    assert share_of(Estimate(5.0, None, None), Interval(10, 9, 11)) == Estimate(0.5, None, None)


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_of_a_share_is_the_hull_of_all_pairs(seed):
    draw = random.Random(seed)
    rates, ceilings = (sorted(draw.uniform(1, 100) for _ in range(9)) for _ in range(2))

    share = share_of(Estimate(rates[4], rates[0], rates[-1]), Interval(ceilings[4], ceilings[0], ceilings[-1]))

    pairs = [rate / ceiling for rate in rates for ceiling in ceilings]
    assert (share.low, share.high) == (min(pairs), max(pairs))
    assert share.low <= share.value <= share.high
