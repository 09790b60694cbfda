"""Demands from a worker to the stored run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference_bench.analysis.demands import demands_of
from inference_bench.result import Status
from inference_bench.results.run import load_run
from inference_bench.spec import Setup
from inference_bench.testing import QUICK
from tests.factories import run, spec

_REDUCED = Setup(weights="random", scale="reduced", threads=2)


def test_a_run_has_the_demands_of_its_model_and_the_rates_that_follow(tmp_path):
    request = spec(
        "smollm2_135m_instruct",
        benchmarks=("inference_speed", "batch_processing"),
        setup=_REDUCED,
        limits=replace(QUICK, min_samples=5),
        input_length=(16,),
        new_tokens=(4,),
        batch_size=(3,),
    )
    alone, batch = load_run(run(request, tmp_path).folder).results

    assert alone.status is batch.status is Status.OK
    demands = demands_of(alone)
    assert demands is not None
    assert demands_of(batch) == demands
    assert demands.missed_share == pytest.approx(0, abs=0.01)
    for result, rows in ((alone, 1), (batch, 3)):
        of = {summary.metric: summary.headline.value for summary in result.summaries}
        seconds = of["itl"] / 1e9
        assert of["achieved_bandwidth"] == pytest.approx(demands.decode_bytes(18, rows) / seconds)
        assert of["decode_flop_rate"] == pytest.approx(demands.decode_flops(18, rows) / seconds)
        assert of["prefill_flop_rate"] == pytest.approx(rows * demands.prefill_flops(16) / (of["ttft"] / 1e9))
