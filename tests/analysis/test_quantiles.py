"""Statistics: exact figures, properties, and coverage by simulation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference_bench.analysis.dependence import Dependence, dependence, effective_sample_size
from inference_bench.analysis.derived_summaries import derived_summaries, derived_summary
from inference_bench.analysis.estimates import (
    median_estimate,
    quantile_estimate,
    relative_width,
    run_medians_estimate,
    split_halves_agree,
)
from inference_bench.analysis.outliers import tukey_outliers
from inference_bench.analysis.quantiles import interval_ranks, needed_samples, quantile
from inference_bench.analysis.summaries import MetricSamples, summarise, summarise_samples
from inference_bench.metrics import QUANTILES
from inference_bench.result import Estimate, Samples, Summary

PROBABILITIES = tuple(QUANTILES.values())
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
samples_of_any_kind = st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=200).map(np.array)


def autoregressive(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    """A stationary normal AR(1) series of variance 1."""
    series = rng.standard_normal(n)
    for i in range(1, n):
        series[i] = rho * series[i - 1] + np.sqrt(1 - rho**2) * series[i]
    return series


def nanoseconds(values: np.ndarray) -> np.ndarray:
    return np.rint(values * 1e6).astype(np.int64)


def one_run(values: np.ndarray, cold: float | None = None, stop_reason: str = "") -> Summary:
    samples = MetricSamples("ttft", "prefill", values, np.zeros(len(values), np.int32), cold)
    return summarise(samples, stop_reason=stop_reason)


# Quantiles


@given(samples_of_any_kind, st.sampled_from(PROBABILITIES))
def test_quantile_is_numpys_inverted_cdf(values, p):
    assert quantile(np.sort(values), p) == float(np.quantile(values, p, method="inverted_cdf"))


@pytest.mark.parametrize(
    ("n", "p", "rank"), [(10, 0.9, 9), (100, 0.07, 7), (1000, 0.999, 999), (1, 0.5, 1), (4, 0.0, 1)]
)
def test_quantile_rank_is_exact_where_the_product_is_not(n, p, rank):
    assert quantile(np.arange(1, n + 1), p) == rank


# Ranks


@pytest.mark.parametrize(("p", "n"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)])
def test_two_sided_interval_exists_from(p, n):
    assert needed_samples(p) == n
    assert None not in interval_ranks(n, p)
    assert None in interval_ranks(n - 1, p)


def test_needed_samples_where_the_tail_is_exactly_allowed():
    assert needed_samples(0.5, 0.5) == 2
    assert interval_ranks(2, 0.5, 0.5) == (1, 2)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("p", [0.1, *PROBABILITIES])
@pytest.mark.parametrize("n", [1, 5, 6, 36, 100, 1001])
def test_ranks_are_the_tightest_that_keep_each_tail(n, p, level):
    low, high = interval_ranks(n, p, level)
    tail = (1 - level) / 2 * (1 + 1e-9)
    above = stats.binom(n, p).sf
    assert high is None or above(high - 1) <= tail
    assert above((high or n + 1) - 2) > tail
    below = stats.binom(n, p).cdf  # the lower end is too high if at most low - 1 samples lie below the true quantile
    # What the upper end of a tail quantile leaves of its own share, the lower one may take.
    allowed = 2 * tail - above(high - 1) if p > 0.5 and low and high else tail
    assert low is None or below(low - 1) <= allowed
    assert below(low or 0) > allowed


@pytest.mark.parametrize(("p", "most"), [(0.9, 0.971), (0.95, 0.974), (0.99, 0.975)])
def test_the_interval_of_a_tail_covers_its_level_and_hardly_more(p, most):
    for n in range(needed_samples(p), 4000, 61):
        low, high = interval_ranks(n, p)
        covered = stats.binom(n, p).cdf(high - 1) - stats.binom(n, p).cdf(low - 1)
        assert 0.95 <= covered < most


def test_coverage_by_binomial_sums():
    for p in PROBABILITIES:
        n = 2 * needed_samples(p)
        low, high = interval_ranks(n, p)
        inside = stats.binom(n, p).pmf(np.arange(low, high)).sum()
        assert 0.95 <= inside < 1


@given(st.integers(1, 5000), st.sampled_from((0.1, *PROBABILITIES)))
def test_ranks_widen_with_the_level(n, p):
    ranks = [interval_ranks(n, p, level) for level in LEVELS]
    for (low, high), (wider_low, wider_high) in pairwise(ranks):
        assert (wider_low or 0) <= (low or 0)
        assert (wider_high or n + 1) >= (high or n + 1)


# Estimates


@given(
    samples_of_any_kind,
    st.sampled_from((0.1, *PROBABILITIES)),
    st.sampled_from(LEVELS),
    st.none() | st.floats(0.1, 300),
)
def test_interval_contains_the_estimate(values, p, level, effective_n):
    estimate = quantile_estimate(values, p, level, effective_n)
    centre = quantile(np.sort(values), p)
    assert estimate.value in (None, centre)
    assert estimate.low is None or estimate.low <= centre
    assert estimate.high is None or estimate.high >= centre


@given(samples_of_any_kind, st.sampled_from(PROBABILITIES), st.randoms())
def test_order_does_not_matter_to_a_quantile(values, p, random):
    shuffled = values.tolist()
    random.shuffle(shuffled)
    assert quantile_estimate(np.array(shuffled), p) == quantile_estimate(values, p)


@given(st.integers(6, 300), st.floats(6, 300))
def test_fewer_effective_samples_never_narrow_the_interval(n, effective_n):
    values = np.arange(n)
    full, worth = quantile_estimate(values, 0.5), quantile_estimate(values, 0.5, effective_n=effective_n)
    assert worth.low <= full.low
    assert worth.high >= full.high


def test_a_p99_of_40_samples_is_no_p99():
    estimate = quantile_estimate(np.arange(40), 0.99)
    assert estimate == Estimate(None, 37.0, None, "order statistics, one end only", needs=368)


def test_a_low_quantile_of_few_samples_has_an_upper_end_only():
    assert quantile_estimate(np.arange(20), 0.01) == Estimate(None, None, 1.0, "order statistics, one end only", 368)


def test_a_median_of_few_samples_stands_alone():
    assert quantile_estimate(np.array([7]), 0.5) == Estimate(7.0, None, None, "", needs=6)
    assert quantile_estimate(np.arange(5), 0.5) == Estimate(2.0, None, None, "", needs=6)
    assert quantile_estimate(np.arange(6), 0.5) == Estimate(2.0, 0.0, 5.0, "order statistics")


def test_no_samples_make_no_estimate():
    assert quantile_estimate(np.array([], np.int64), 0.9) == Estimate(None, None, None, "", needs=36)
    assert median_estimate(np.array([], np.int64)) == Estimate(None, None, None, "", needs=6)


def test_effective_n_is_said_and_raises_what_is_needed():
    estimate = quantile_estimate(np.arange(1000), 0.99, effective_n=100.9)
    assert estimate == Estimate(
        989.0, 964.0, None, "order statistics, 1000 samples worth 100 independent ones, one end only", needs=3680
    )


def test_relative_width():
    assert relative_width(Estimate(100.0, 99.0, 101.0)) == 0.02
    assert relative_width(Estimate(-100.0, -101.0, -99.0)) == 0.02
    assert relative_width(Estimate(0.0, 0.0, 0.0)) == 0.0
    assert relative_width(Estimate(0.0, -1.0, 1.0)) is None
    assert relative_width(Estimate(100.0, None, None)) is None


# Dependence


def test_few_samples_have_no_autocorrelation():
    assert dependence(np.array([1, 2])) == Dependence(None, 1, 0.0)


def test_constant_samples_are_independent():
    assert dependence(np.full(1000, 5)) == Dependence(0.0, 1, 0.0)
    assert effective_sample_size(np.full(1000, 5)) == 1000


def test_autocorrelation_is_found_and_batched_away():
    found = dependence(autoregressive(np.random.default_rng(0), 5000, 0.6))
    assert found.autocorrelation == pytest.approx(0.6, abs=0.05)
    assert found.batch in (16, 32, 64, 128)
    assert found.remaining == 0


def test_one_spike_does_not_hide_the_autocorrelation():
    series = autoregressive(np.random.default_rng(1), 1000, 0.6)
    series[500] = 1e6
    assert dependence(series).autocorrelation == pytest.approx(0.6, abs=0.1)


def test_a_trend_is_worth_hardly_anything():
    found = dependence(np.arange(1000))
    assert found.batch == 32
    assert found.remaining > 0.8
    assert effective_sample_size(np.arange(1000)) < 6
    assert median_estimate(np.arange(1000)).low is None


def test_ties_in_order_of_time_are_no_trend():
    rng = np.random.default_rng(2)
    assert abs(dependence(rng.integers(0, 2, 2000)).autocorrelation) < 0.1


def test_a_negative_autocorrelation_is_left_alone():
    assert dependence(np.tile([1, 2], 50)) == Dependence(pytest.approx(-0.99), 1, 0.0)


def test_effective_size_of_an_autoregression():
    series = autoregressive(np.random.default_rng(3), 20_000, 0.6)
    expected = 20_000 / (1 + 2 * sum(2 / np.pi * np.arcsin(0.6**lag) for lag in range(1, 60)))
    assert effective_sample_size(series) == pytest.approx(expected, rel=0.25)
    assert effective_sample_size(series, 0.99) > effective_sample_size(series)


@given(st.lists(st.integers(1, 10**5), min_size=1, max_size=120).map(np.array))
def test_everything_survives_a_change_of_scale(values):
    cubed = values**3
    assert dependence(cubed) == dependence(values)
    plain, scaled = median_estimate(values), median_estimate(cubed)
    assert scaled.value == plain.value**3
    assert scaled.low == (None if plain.low is None else plain.low**3)


def test_halves_agree_and_disagree():
    rng = np.random.default_rng(14)
    steady = rng.normal(100, 1, 200)
    assert split_halves_agree(steady)
    assert split_halves_agree(np.full(12, 3))
    assert not split_halves_agree(np.concatenate([steady, steady + 5]))
    assert not split_halves_agree(np.full(11, 3))  # a half of five has no interval


# Outliers


def test_outliers_on_the_log_scale():
    values = np.array([100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 500, 10_000, 1])
    logs = np.log(values)
    first, third = np.quantile(logs, [0.25, 0.75], method="inverted_cdf")

    def beyond(ranges):
        low, high = first - ranges * (third - first), third + ranges * (third - first)
        return int(((logs < low) | (logs > high)).sum())

    assert tukey_outliers(values) == (beyond(1.5) - beyond(3), beyond(3)) == (1, 2)


def test_outliers_on_the_linear_scale_where_values_are_not_positive():
    assert tukey_outliers(np.array([-1, 0, 1, 2, 3, 4, 5, 6, 18, 40])) == (1, 1)


def test_no_outliers_without_a_spread():
    assert tukey_outliers(np.array([5, 5, 5, 5, 5, 5, 5, 99])) == (0, 0)
    assert tukey_outliers(np.array([], np.int64)) == (0, 0)


# Runs


def test_one_run_has_no_interval():
    assert run_medians_estimate(np.array([5.0])) == Estimate(5.0, None, None, "", needs=2)


@pytest.mark.parametrize("medians", [[100, 110], [100, 101, 130], [90, 100, 110, 120, 130]])
def test_few_runs_use_students_t_on_logs(medians):
    estimate = run_medians_estimate(np.array(medians))
    logs = np.log(medians)
    low, high = stats.t.interval(0.95, len(logs) - 1, logs.mean(), stats.sem(logs))
    assert estimate.value == np.median(medians)
    assert (estimate.low, estimate.high) == pytest.approx((np.exp(low), np.exp(high)))
    assert estimate.method == "Student's t of log run medians"


def test_few_runs_that_are_not_positive_use_students_t():
    estimate = run_medians_estimate(np.array([-4, 0, 4]))
    low, high = stats.t.interval(0.95, 2, 0, stats.sem([-4, 0, 4]))
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((low, 0, high))
    assert estimate.method == "Student's t of run medians"


def test_wildly_different_runs_stay_finite():
    estimate = run_medians_estimate(np.array([1, 10**18]))
    assert 0 <= estimate.low < estimate.high < np.inf


def test_six_runs_use_order_statistics():
    estimate = run_medians_estimate(np.array([1, 2, 3, 4, 5, 6]))
    assert estimate == Estimate(3.5, 1.0, 6.0, "order statistics of run medians")


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=12).map(np.array), st.sampled_from(LEVELS))
def test_run_interval_contains_its_value(medians, level):
    estimate = run_medians_estimate(medians, level)
    assert estimate.low <= estimate.value <= estimate.high


# Summaries


def test_summary_of_one_run():
    values = np.arange(1, 101)[::-1].copy()
    np.random.default_rng(5).shuffle(values)
    summary = one_run(values, cold=500.0, stop_reason="interval narrow enough")
    assert (summary.metric, summary.phase, summary.n, summary.runs, summary.scope) == ("ttft", "prefill", 100, 1, "run")
    assert (summary.minimum, summary.maximum, summary.mean, summary.cold) == (1.0, 100.0, 50.5, 500.0)
    assert summary.quantiles["p50"] == Estimate(50.0, 40.0, 61.0, "order statistics")
    assert summary.quantiles["p90"].value == 90.0
    assert summary.quantiles["p99"].value is None
    assert list(summary.quantiles) == ["p50", "p90", "p95", "p99", "p99.9"]
    assert (summary.converged, summary.stop_reason) == (True, "interval narrow enough")


def test_summary_of_dependent_samples_says_so():
    summary = one_run(nanoseconds(50 + autoregressive(np.random.default_rng(6), 1000, 0.6)))
    assert summary.effective_n < 600
    assert "samples worth" in summary.quantiles["p50"].method
    assert summary.quantiles["p99"].value is not None


@pytest.mark.parametrize("values", [[3], [3, 3], [5, 9], [0, 0, 0], [-5, 0, 5], [-1], [7] * 1000, [1, 2**62]])
@pytest.mark.parametrize("runs", [1, 2])
def test_summary_of_odd_samples(values, runs):
    array = np.array(values, np.int64)
    summary = summarise(MetricSamples("rss_growth", "", array, np.arange(len(array), dtype=np.int32) % runs))
    assert summary.minimum <= summary.mean <= summary.maximum
    assert summary.minimum <= summary.quantiles["p50"].value <= summary.maximum
    assert 1 <= summary.effective_n <= summary.n
    assert (summary.autocorrelation is None) == (len(values) < 3 * summary.runs)


@settings(deadline=None, max_examples=50)
@given(samples_of_any_kind, st.integers(1, 8))
def test_summary_never_contradicts_itself(values, runs):
    summary = summarise(
        MetricSamples("rss_growth", "", values, np.sort(np.arange(len(values)) % runs).astype(np.int32))
    )
    assert summary.scope == ("run" if summary.runs == 1 else "runs")
    for name, estimate in summary.quantiles.items():
        centre = estimate.value
        if centre is None:
            continue
        assert estimate.low is None or estimate.low <= centre, name
        assert estimate.high is None or estimate.high >= centre, name


def test_summary_of_runs_speaks_of_runs():
    rng = np.random.default_rng(7)
    run = np.repeat(np.arange(8, dtype=np.int32), 100)
    values = nanoseconds(100 * np.exp(rng.normal(0, 0.05, 8)[run] + rng.normal(0, 0.01, 800)))
    summary = summarise(MetricSamples("ttft", "", values, run))
    assert (summary.n, summary.runs, summary.scope) == (800, 8, "runs")
    medians = [np.quantile(values[run == r], 0.5, method="inverted_cdf") for r in range(8)]
    p50 = summary.quantiles["p50"]
    assert (p50.value, p50.low, p50.high) == (np.median(medians), min(medians), max(medians))
    # The runs differ far more than the samples within one: 800 samples are worth a handful.
    p90 = summary.quantiles["p90"]
    assert p90.value == np.quantile(values, 0.9, method="inverted_cdf")
    assert p90.high is None
    assert p90.method.startswith("pooled over runs, order statistics, 800 samples worth ")
    assert p90.needs > 800
    assert abs(summary.autocorrelation) < 0.1  # within runs; across them it would be near 1


def test_pooled_quantile_without_any_interval_says_so():
    run = np.repeat(np.array([0, 1], np.int32), 100)
    summary = summarise(MetricSamples("ttft", "", np.arange(200) + 1, run))
    assert summary.quantiles["p90"].value == 180.0
    assert summary.quantiles["p90"].method == "pooled over runs, no interval"


def test_runs_that_agree_keep_an_interval():
    values = nanoseconds(np.random.default_rng(8).lognormal(3, 0.05, 1000))
    p90 = summarise(MetricSamples("ttft", "", values, np.repeat(np.arange(10, dtype=np.int32), 100))).quantiles["p90"]
    assert p90.low < p90.value < p90.high
    assert p90.needs is None


def samples_from(rows: list[tuple[int, str, str, str, int]]) -> Samples:
    run, metric, phase, stage, value = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Samples(
        run=np.array(run, np.int32),
        iteration=np.zeros(len(rows), np.int32),
        step=np.full(len(rows), -1, np.int32),
        metric=np.array(metric, np.str_),
        phase=np.array(phase, np.str_),
        stage=np.array(stage, np.str_),
        start_ns=np.full(len(rows), -1, np.int64),
        value=np.array(value, np.int64),
        loader=np.full(len(rows), "none"),
        interference=np.full(len(rows), ""),
    )


def test_samples_are_grouped_by_metric_and_phase():
    samples = samples_from(
        [
            (0, "ttft", "prefill", "cold", 900),
            (0, "itl", "decode", "cold", 90),
            (0, "itl", "decode", "cold", 80),
            (0, "ttft", "prefill", "warmup", 500),
            (0, "ttft", "prefill", "measured", 100),
            (0, "itl", "decode", "measured", 10),
            (0, "itl", "prefill", "measured", 11),
            (0, "e2e", "", "cold", 7),
            (1, "ttft", "prefill", "cold", 950),
            (1, "ttft", "prefill", "measured", 102),
            (1, "tpot", "decode", "cold", 5),
            (1, "tpot", "decode", "measured", 3),
        ]
    )
    summaries = summarise_samples(samples, {"ttft": True, "itl": False}, {"ttft": "interval narrow enough"})
    found = [(s.metric, s.phase, s.n, s.runs, s.cold, s.converged, s.stop_reason) for s in summaries]
    assert found == [
        ("ttft", "prefill", 2, 2, 900.0, True, "interval narrow enough"),
        ("itl", "decode", 1, 1, 90.0, False, ""),
        ("itl", "prefill", 1, 1, None, False, ""),
        ("tpot", "decode", 1, 1, None, False, ""),  # its cold sample is not the first run's
    ]


def test_no_samples_have_no_summaries():
    assert summarise_samples(samples_from([])) == ()
    assert summarise_samples(samples_from([(0, "load", "", "measured", 5)]))[0].converged


# Derived metrics


def test_derived_rate_mirrors_its_base():
    base = one_run(np.array([50, 20, 100, 10, 80, 40], np.int64) * 1_000_000, cold=2e8)
    rate = derived_summary("prefill_rate", base, scale=10)
    assert rate.quantiles == {"p50": Estimate(250.0, 100.0, 1000.0, "order statistics")}
    assert (rate.metric, rate.phase, rate.cold) == ("prefill_rate", "prefill", 50.0)
    assert (rate.minimum, rate.maximum) == (100.0, 1000.0)
    assert rate.mean == pytest.approx(60 / 0.3)  # all tokens over all time


def test_derived_rate_of_a_median_without_an_interval():
    rate = derived_summary("prefill_rate", one_run(np.array([10**9])), scale=5)
    assert rate.quantiles["p50"] == Estimate(5.0, None, None, "", needs=6)
    assert rate.cold is None


def test_derived_rate_refuses_what_it_is_not_derived_from():
    with pytest.raises(ValueError, match="decode_rate is derived from itl, not from ttft"):
        derived_summary("decode_rate", one_run(np.array([5])), 1)
    with pytest.raises(ValueError, match="needs positive durations"):
        derived_summary("prefill_rate", one_run(np.array([0, 5])), 1)


def test_derived_summaries_come_from_what_is_there():
    bases = [
        one_run(np.array([10**9])),
        summarise(MetricSamples("itl", "decode", np.array([0]), np.array([0], np.int32))),
    ]
    rates = derived_summaries(bases, {"prefill_rate": 8, "decode_rate": 1})
    assert [(s.metric, s.quantiles["p50"].value) for s in rates] == [("prefill_rate", 8.0)]
    assert derived_summaries(bases, {}) == ()


# Coverage by simulation: seeded, so that it passes or fails for good


def covers(estimate: Estimate, truth: float) -> bool:
    return (estimate.low is None or estimate.low <= truth) and (estimate.high is None or truth <= estimate.high)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
@pytest.mark.parametrize(
    "transform", [lambda z: z, np.exp, lambda z: z + 10 * (z > 0.25)], ids=["normal", "log", "bimodal"]
)
def test_coverage_of_one_run(rho, transform):
    rng = np.random.default_rng(9)
    repetitions = 250
    series = [transform(autoregressive(rng, 200, rho)) for _ in range(repetitions)]
    for p in (0.5, 0.9):
        truth = float(transform(np.array(stats.norm.ppf(p))))
        hits = sum(covers(quantile_estimate(s, p, 0.95, effective_sample_size(s, p)), truth) for s in series)
        assert 0.92 <= hits / repetitions <= 0.995


@pytest.mark.parametrize("runs", [2, 4, 8])
def test_coverage_over_runs(runs):
    rng = np.random.default_rng(10)
    repetitions = 200
    run = np.repeat(np.arange(runs, dtype=np.int32), 40)
    hits = {"p50": 0, "p90": 0}
    for _ in range(repetitions):
        offsets = rng.normal(0, 0.03, runs)
        values = nanoseconds(100 * np.exp(offsets[run] + rng.normal(0, 0.03, len(run))))
        summary = summarise(MetricSamples("ttft", "", values, run))
        for name in hits:
            truth = 1e8 * np.exp(0.03 * np.sqrt(2) * stats.norm.ppf(QUANTILES[name]))
            hits[name] += covers(summary.quantiles[name], truth)
    assert all(count / repetitions >= 0.92 for count in hits.values()), hits
