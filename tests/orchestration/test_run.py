"""Real workers, real files; the models misbehave on purpose."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from inference_bench._native import clock_describe
from inference_bench.errors import InvalidValueError, UnknownNameError
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import Status
from inference_bench.spec import Limits, Spec
from inference_bench.units import NS_PER_S
from tests.factories import run, spec
from tests.processes import assert_no_worker_is_left, workers_alive

_QUICK = Limits(min_samples=30, budget_ns=NS_PER_S // 4, relative_width=0.5, silence_ns=60 * NS_PER_S)
_spec = partial(spec, limits=_QUICK, input_length=(8,), new_tokens=(4,))


def test_the_line_from_spec_to_files(tmp_path, bad_models):
    outcome = run(
        _spec("good", benchmarks=("inference_speed", "memory_usage"), input_length=(8, 16)), tmp_path, bad_models
    )

    assert [result.status for result in outcome.run.results] == [Status.OK] * 4
    assert not outcome.has_findings
    assert not outcome.interrupted
    assert outcome.run.record.finished
    assert [entry["status"] for entry in outcome.run.record.cases] == ["ok"] * 4
    assert {"run.json", "results.json", "results.csv", "samples", "memory", "logs"} <= set(os.listdir(outcome.folder))
    speed, memory = outcome.run.results[0], outcome.run.results[2]
    assert {s.metric for s in speed.summaries} == {"ttft", "itl", "tpot", "e2e", "prefill_rate", "decode_rate"}
    assert {(s.metric, s.phase) for s in memory.summaries} >= {
        ("rss_peak_sampled", phase) for phase in ("load", "prefill", "decode")
    }
    assert outcome.run.memory(memory).num_rows > 0
    assert speed.model["demands_unknown"] == memory.model["demands_unknown"] == "good does not tell them"


@pytest.fixture(scope="module")
def slow(tmp_path_factory, bad_models):
    return run(_spec("slow"), tmp_path_factory.mktemp("slow"), bad_models).run


def test_steps_of_a_generation_add_up(slow):
    table = slow.samples(slow.results[0]).to_pandas()

    whole = table[table.metric == "e2e"].set_index("iteration")
    assert len(whole) >= 2
    for iteration, row in whole.iterrows():
        mine = table[table.iteration == iteration]
        ttft = mine[mine.metric == "ttft"].value.item()
        steps = mine[mine.metric == "itl"]
        assert list(steps.step) == [2, 3, 4]
        assert ttft + steps.value.sum() == row.value
        assert mine[mine.metric == "tpot"].value.item() == steps.value.sum() // 3
        assert ttft >= 20_000_000
    assert list(table[table.stage == "cold"].iteration.unique()) == [0]
    assert list(table[table.stage == "warmup"].iteration.unique()) == [1, 2]


def test_the_floor_stands_in_the_record_and_is_below_the_model(slow):
    floor = slow.record.floor

    (ttft,) = (summary for summary in slow.results[0].summaries if summary.metric == "ttft")
    assert set(floor) == {"ttft", "itl", "tpot", "e2e"}
    assert 0 < floor["ttft"]["p50"] < ttft.headline.value
    assert slow.record.clock["source"] == clock_describe()["source"]


def test_every_run_is_a_fresh_process(tmp_path, bad_models):
    outcome = run(_spec("good", runs=3), tmp_path, bad_models)
    result = outcome.run.results[0]

    assert len({worker["pid"] for worker in result.workers}) == 3
    assert [worker["run"] for worker in result.workers] == [0, 1, 2]
    ttft = next(s for s in result.summaries if s.metric == "ttft")
    assert (ttft.runs, ttft.scope) == (3, "runs")
    assert set(outcome.run.samples(result).column("run").to_pylist()) == {0, 1, 2}
    steps = [step["name"] for step in result.workers[0]["load_steps"]]
    assert steps == ["boot", "weights", "to_device"]


_FAULTS = {
    "raises_in_load": (Status.FAILED, "no such layer"),
    "raises_in_prefill": (Status.FAILED, "prompt refused"),
    "segfaults": (Status.CRASHED, "SIGSEGV"),
    "segfaults_in_load": (Status.CRASHED, "SIGSEGV"),
    "is_killed": (Status.CRASHED, "SIGKILL"),
    "exits": (Status.CRASHED, "status 7"),
    "runs_out_of_memory": (Status.OOM, "MemoryError"),
    "runs_out_of_gpu_memory": (Status.OOM, "RuntimeError: CUDA error: out of memory"),
    "writes_to_every_descriptor": (Status.CRASHED, "the worker sent"),
    "generates_nothing": (Status.NOT_APPLICABLE, "this one classifies"),
    "broken": (Status.FAILED, "model.py:1"),
}
_SILENT = {
    "hangs": (Status.TIMEOUT, "sent nothing for 3 s"),
    "hangs_in_load": (Status.TIMEOUT, "sent nothing for 3 s"),
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, bad_models):
    """Return the results by model of all faults, with a model without a fault as the last of each run."""
    found = {}
    for faults, limits in ((_FAULTS, _QUICK), (_SILENT, replace(_QUICK, silence_ns=3 * NS_PER_S))):
        outcome = run(_spec(*faults, "good", limits=limits), tmp_path_factory.mktemp("faulty"), bad_models)
        assert_no_worker_is_left()
        assert outcome.has_findings
        assert {result.case.model: result.status for result in outcome.run.results}["good"] == Status.OK
        found |= {result.case.model: result for result in outcome.run.results}
    return found


@pytest.mark.parametrize("model", [*_FAULTS, *_SILENT])
def test_a_fault_is_a_result_and_the_plan_goes_on(faulty, model):
    status, cause = (_FAULTS | _SILENT)[model]
    bad = faulty[model]

    assert bad.status == status
    assert cause in bad.failure.cause
    assert bad.status.is_finding == (status is not Status.NOT_APPLICABLE)
    if model == "exits":
        assert "giving up" in bad.failure.stderr_tail
        assert bad.failure.exit_status == 7


def test_what_does_not_apply_is_no_finding(tmp_path, bad_models):
    outcome = run(_spec("generates_nothing", "good"), tmp_path, bad_models)

    assert [result.status for result in outcome.run.results] == [Status.NOT_APPLICABLE, Status.OK]
    assert not outcome.has_findings


def test_output_of_a_model_goes_to_its_log_only(tmp_path, bad_models, capfd):
    outcome = run(_spec("prints"), tmp_path, bad_models)

    assert outcome.run.results[0].status == Status.OK
    assert capfd.readouterr() == ("", "")
    logs = [path.read_bytes() for path in sorted((outcome.folder / "logs").iterdir())]
    assert any(b"garbage" in log for log in logs)


def test_a_worker_that_does_not_leave_is_ended(tmp_path, bad_models, monkeypatch):
    monkeypatch.setattr("inference_bench.orchestration.worker_process._EXIT_GRACE_S", 0.2)
    outcome = run(_spec("hangs_in_unload"), tmp_path, bad_models)

    assert outcome.run.results[0].status == Status.OK
    assert_no_worker_is_left()


def test_cases_after_a_crash_get_a_fresh_worker(tmp_path, bad_models):
    outcome = run(_spec("segfaults", input_length=(8, 16)), tmp_path, bad_models)

    assert [result.status for result in outcome.run.results] == [Status.CRASHED] * 2


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"models": ("godo",)}, UnknownNameError, "did you mean 'good'"),
        ({"benchmarks": ("inference_sped",)}, UnknownNameError, "did you mean 'inference_speed'"),
        ({"axes": {"input_lenght": (8,)}}, UnknownNameError, "did you mean 'input_length'"),
        ({"axes": {"input_length": (0,)}}, InvalidValueError, "at least 1"),
        ({"axes": {"new_tokens": (-3,)}}, InvalidValueError, "at least 1"),
        ({"axes": {"input_length": (5000,)}}, InvalidValueError, "at most 4096"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(tmp_path, bad_models, change, error, words):
    request = {"models": ("good",), "benchmarks": ("inference_speed",)} | change
    output = tmp_path / "out"
    with pytest.raises(error, match=words):
        asyncio.run(run_benchmarks(Spec(**request), output=output, models_dirs=[bad_models]))
    assert not output.exists()


def test_samples_reproduce_every_figure(tmp_path, bad_models):
    """The files alone are enough: NumPy and SciPy recompute results.json from the Parquet samples."""
    from scipy.stats import binom

    outcome = run(_spec("good", limits=Limits(min_samples=2000, budget_ns=NS_PER_S)), tmp_path, bad_models)
    result = outcome.run.results[0]
    table = outcome.run.samples(result).to_pandas()
    table = table[table.stage == "measured"]
    for summary in result.summaries:
        base = {"prefill_rate": "ttft", "decode_rate": "itl"}.get(summary.metric, summary.metric)
        values = np.sort(table[(table.metric == base) & (table.phase == summary.phase)].value.to_numpy())
        assert summary.n == len(values)
        scale = {"prefill_rate": 8, "decode_rate": 1}.get(summary.metric)
        for name, estimate in summary.quantiles.items():
            # An exact rank: 0.999 of 2000 as floats may round up past the 1998th value.
            exact = Fraction(name[1:]) / 100
            p = float(exact)
            if estimate.value is None:
                continue
            expected = float(values[math.ceil(len(values) * exact) - 1])
            assert estimate.value == pytest.approx(scale * NS_PER_S / expected if scale else expected)
            if scale or estimate.low is None or estimate.high is None:
                continue
            # Of independent samples, the number below the true quantile is binomial.
            below, not_above = np.searchsorted(values, estimate.low), np.searchsorted(values, estimate.high, "right")
            covered = binom.cdf(not_above - 1, len(values), p) - binom.cdf(below, len(values), p)
            assert estimate.low <= estimate.value <= estimate.high
            assert covered >= 0.95 - 1e-9 or summary.effective_n < summary.n


class _StopAfterFirst(Progress):
    """Presses Ctrl-C when the first case has ended, or as soon as it has begun."""

    def __init__(self, presses: int) -> None:
        self.presses = presses

    def case_started(self, case, run):
        for _ in range(self.presses):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(("presses", "status"), [(1, Status.OK), (2, Status.INTERRUPTED)])
def test_ctrl_c_keeps_what_has_ended(tmp_path, bad_models, presses, status):
    request = _spec("slow", "good", input_length=(8, 16))

    async def measure():
        return await run_benchmarks(
            request,
            output=tmp_path,
            models_dirs=[bad_models],
            progress=_StopAfterFirst(presses),
            handle_signals=True,
        )

    outcome = asyncio.run(measure())
    assert outcome.interrupted
    assert not outcome.run.record.finished
    assert [result.status for result in outcome.run.results] == [status]
    assert [entry["status"] for entry in outcome.run.record.cases] == [status.value] + ["pending"] * 3
    assert_no_worker_is_left()


def test_workers_die_with_their_orchestrator(tmp_path, bad_models):
    code = (
        "import asyncio, sys; from pathlib import Path;"
        "from inference_bench.orchestration.run import run_benchmarks;"
        "from inference_bench.spec import Spec;"
        "asyncio.run(run_benchmarks(Spec(('hangs',), ('inference_speed',)), output=Path(sys.argv[1]),"
        " models_dirs=[Path(sys.argv[2])]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(bad_models)])
    deadline = time.monotonic() + 30
    while not (workers := workers_alive()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers
    parent.kill()
    parent.wait()
    while workers_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert_no_worker_is_left()
    folder = next(tmp_path.iterdir())
    from inference_bench.results.run import load_run

    assert load_run(folder).record.finished is False
