"""Rates, derived from durations."""

from __future__ import annotations

import numpy as np
import pytest

from inference_bench.analysis.derived_summaries import derived_summaries, derived_summary
from inference_bench.analysis.summaries import MetricSamples, summarise
from inference_bench.result import Estimate
from tests.series import one_run


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
