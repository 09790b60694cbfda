"""Demands from a worker to the stored run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from inference_bench.analysis.demands import demands_of
from inference_bench.analysis.machine_use import SHARES, share_of
from inference_bench.ceilings import Ceilings, Interval, MatmulRate, ReadBandwidth
from inference_bench.dossier.recomputation import Findings, recompute_run
from inference_bench.machine.environment import describe_environment
from inference_bench.result import Status
from inference_bench.results.ceilings_store import store_ceilings
from inference_bench.results.query import query
from inference_bench.results.run import load_run
from inference_bench.results.tables import load_runs
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


def test_a_run_has_its_shares_of_the_ceilings_that_it_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store_ceilings(_ceilings())
    request = spec(
        "smollm2_135m_instruct",
        setup=_REDUCED,
        limits=replace(QUICK, min_samples=8),
        input_length=(16,),
        new_tokens=(4,),
    )
    folder = run(request, tmp_path).folder
    shutil.rmtree(tmp_path / "state")

    (result,) = load_run(folder).results
    of = {summary.metric: summary.headline for summary in result.summaries}
    assert of["mbu"] == share_of(of["achieved_bandwidth"], Interval(10e9, 9e9, 11e9))
    assert of["decode_mfu"] == share_of(of["decode_flop_rate"], Interval(100e9, 90e9, 110e9))
    assert of["prefill_mfu"] == share_of(of["prefill_flop_rate"], Interval(100e9, 90e9, 110e9))
    sql = "SELECT metric, p50, p50_low FROM summaries WHERE unit = '1' ORDER BY metric"
    rows = query(sql, load_runs(folder)).to_pylist()
    assert [row["metric"] for row in rows] == ["decode_mfu", "mbu", "prefill_mfu"]
    assert (rows[1]["p50"], rows[1]["p50_low"]) == (of["mbu"].value, of["mbu"].low)
    assert ",mbu," in (folder / "results.csv").read_text()


def test_shares_are_recomputed_from_a_run_alone_and_older_runs_have_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store_ceilings(_ceilings())
    request = spec("smollm2_135m_instruct", setup=_REDUCED, limits=QUICK, input_length=(16,), new_tokens=(4,))
    folder = run(request, tmp_path).folder
    shutil.rmtree(tmp_path / "state")

    recompute_run(load_run(folder), findings := Findings())
    assert findings.mismatches == []

    document = json.loads((folder / "results.json").read_text())
    (entry,) = document["results"]
    (mbu,) = [summary for summary in entry["summaries"] if summary["metric"] == "mbu"]
    mbu["mean"] *= 1.01
    (folder / "results.json").write_text(json.dumps(document))
    recompute_run(load_run(folder), findings := Findings())
    assert [wrong.figure for wrong in findings.mismatches] == ["mbu decode mean"]

    entry["summaries"] = [each for each in entry["summaries"] if each["metric"] not in SHARES.values()]
    (folder / "results.json").write_text(json.dumps(document))
    recompute_run(load_run(folder), findings := Findings())
    assert findings.mismatches == []


def _ceilings() -> Ceilings:
    def near(value: float) -> Interval:
        return Interval(value, round(0.9 * value), round(1.1 * value))

    return Ceilings(
        fingerprint=str(describe_environment()["fingerprint"]),
        device="cpu",
        measured_utc="2026-11-26T00:00:00+00:00",
        read=(ReadBandwidth(2, 1_000, near(10e9)),),
        matmul=(MatmulRate("float32", 2, near(100e9)),),
        operation_ns=near(1000),
    )
