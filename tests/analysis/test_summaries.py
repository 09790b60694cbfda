"""Summaries: exact figures, properties, and coverage by simulation, seeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inference_bench.analysis.summaries import MetricSamples, summarise, summarise_samples
from inference_bench.metrics import QUANTILES
from inference_bench.result import Estimate, Samples
from tests.series import autoregressive, covers, nanoseconds, one_run, samples_of_any_kind


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
