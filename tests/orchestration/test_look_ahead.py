"""Loading ahead with real workers: what it hides, that it disturbs nothing, and that no worker is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from inference_bench.machine.device import load_device
from inference_bench.machine.devices.cuda import Cuda
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.run import RunOutcome, run_benchmarks
from inference_bench.result import Status
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import GIB, NS_PER_S
from tests.conftest import write_model
from tests.processes import assert_no_worker_is_left, workers_alive

CPUS = sorted(os.sched_getaffinity(0))
LIMITS = Limits(min_samples=30, budget_ns=NS_PER_S // 2, relative_width=1e-9, silence_ns=60 * NS_PER_S)
_BUSY = "end = time.monotonic() + {}\n            while time.monotonic() < end: pass"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    # The second loads longer than the first, beside which it begins: it still loads when the first is timed.
    for name, load_s in (("first", 0.3), ("second", 1.0), ("third", 0.3)):
        write_model(folder, name, load=_BUSY.format(load_s), prefill="time.sleep(0.002)")
    # This one loads until the other has been timed for a while, however late that begins.
    told = str(folder / "told")
    waits = f"while time.monotonic() < end and not os.path.exists({told!r}): pass"
    tells = f"time.sleep(0.002); self.calls == 30 and open({told!r}, 'w')"
    write_model(folder, "waits", load=f"end = time.monotonic() + 60\n            {waits}")
    write_model(folder, "tells", prefill=tells)
    # A thread ends the process while the main thread is parked.
    write_model(
        folder,
        "dies_while_it_waits",
        load="import threading; threading.Timer(0.2, os._exit, (7,)).start()",
        to_device="time.sleep(3600)",
    )
    write_model(folder, "crashes", load="os.kill(os.getpid(), signal.SIGSEGV)")
    write_model(folder, "loads_long", load=_BUSY.format(5))
    write_model(folder, "loads_for_ever", load="time.sleep(3600)")
    return folder


def measure(models: Path, output: Path, *names: str, overlap: str, **changes: object) -> RunOutcome:
    request = Spec(
        models=names,
        benchmarks=("inference_speed",),
        axes={"input_length": (8,), "new_tokens": (4,)},
        overlap=overlap,
        **{"limits": LIMITS, **changes},
    )
    return asyncio.run(run_benchmarks(request, output=output, models_dirs=[models]))


def loader_states(outcome: RunOutcome, case: int) -> set[str]:
    table = outcome.run.samples(outcome.run.results[case]).to_pandas()
    return set(table[table.stage == "measured"].loader)


def test_a_frozen_loader_never_runs_beside_a_timed_sample(tmp_path, models):
    outcome = measure(models, tmp_path, "first", "second", overlap="freeze")

    overlap = outcome.run.record.overlap
    assert loader_states(outcome, 0) == {"still"}
    assert loader_states(outcome, 1) == {"none"}
    assert (overlap["policy"], overlap["loads_ahead"]) == ("freeze", 1)
    # It only boots while the first model warms up: the policy could not have hidden more.
    assert 0 <= overlap["hidden_ns"] <= overlap["load_ns"]
    assert overlap["hideable_ns"] <= overlap["load_ns"]
    assert_no_worker_is_left()


@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_a_loader_with_a_cpu_of_its_own_loads_while_the_other_is_timed(tmp_path, models):
    outcome = measure(models, tmp_path, "tells", "waits", overlap="partition", setups=(Setup(threads=1),))

    overlap = outcome.run.record.overlap
    assert "running" in loader_states(outcome, 0)
    assert loader_states(outcome, 1) == {"none"}
    assert overlap["hidden_ns"] > 0
    assert overlap["hideable_ns"] <= overlap["load_ns"]


def test_without_overlap_no_loader_exists(tmp_path, models):
    outcome = measure(models, tmp_path, "first", "second", overlap="off")

    assert loader_states(outcome, 0) == {"none"}
    assert outcome.run.record.overlap["loads_ahead"] == 0


def test_no_model_is_loaded_ahead_with_a_lookahead_of_none(tmp_path, models):
    assert (
        measure(models, tmp_path, "first", "second", overlap="freeze", lookahead=0).run.record.overlap["loads_ahead"]
        == 0
    )


def test_a_loader_that_crashes_costs_only_its_own_cases(tmp_path, models):
    outcome = measure(models, tmp_path, "first", "crashes", "second", overlap="freeze", lookahead=2)

    assert [result.status for result in outcome.run.results] == [Status.OK, Status.CRASHED, Status.OK]
    assert_no_worker_is_left()


class _StopNow(Progress):
    def case_started(self, case, run):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_is_stopped_ends_its_loaders_too(tmp_path, models):
    request = Spec(("first", "loads_for_ever"), ("inference_speed",), limits=LIMITS, overlap="freeze")
    outcome = asyncio.run(
        run_benchmarks(request, output=tmp_path, models_dirs=[models], progress=_StopNow(), handle_signals=True)
    )

    assert outcome.interrupted
    assert_no_worker_is_left()


def test_a_frozen_loader_dies_with_its_orchestrator(tmp_path, models):
    code = (
        "import asyncio, sys; from pathlib import Path;"
        "from inference_bench.orchestration.run import run_benchmarks;"
        "from inference_bench.spec import Limits, Spec;"
        "asyncio.run(run_benchmarks(Spec(('first', 'loads_for_ever'), ('inference_speed',), overlap='freeze',"
        " limits=Limits(budget_ns=60 * 10**9, relative_width=1e-9)), output=Path(sys.argv[1]),"
        " models_dirs=[Path(sys.argv[2])]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(models)])
    deadline = time.monotonic() + 30
    while not any(_is_stopped(pid) for pid in workers_alive()):
        assert time.monotonic() < deadline, "no loader was ever frozen"
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    assert_no_worker_is_left(within_s=10)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


@pytest.fixture
def a_gpu_is_promised(monkeypatch):
    """Let set-ups name a GPU; the models of these tests do not use it, so no driver is needed."""
    monkeypatch.setattr(Cuda, "check", lambda self, index: None)
    monkeypatch.setattr(Cuda, "free_bytes", lambda self, index: 80 * GIB)


def steps_of(outcome: RunOutcome, case: int) -> dict[str, dict[str, int]]:
    return {step["name"]: step for step in outcome.run.results[case].workers[0]["load_steps"]}


def write_pair(folder: Path, step: str) -> Path:
    """Write two models; the first is measured until the second has reached this step of its load."""
    there = folder / "there"
    wait = f"while not os.path.exists({str(there)!r}): time.sleep(0.005)"
    write_model(folder, "waits", prefill=f"{wait}\n        time.sleep(0.002)")
    write_model(folder, "tells", **{step: f"open({str(there)!r}, 'w').close()"})
    return folder


@pytest.mark.usefixtures("a_gpu_is_promised")
@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_a_model_on_a_gpu_waits_before_its_copy_until_the_other_is_measured(tmp_path):
    models = write_pair(tmp_path / "models", "load")
    setups = (Setup(device="cuda", threads=1),)

    outcome = measure(models, tmp_path, "waits", "tells", overlap="partition", setups=setups)

    assert [result.status for result in outcome.run.results] == [Status.OK, Status.OK]
    last = max(outcome.run.samples(outcome.run.results[0]).column("start_ns").to_pylist())
    second = steps_of(outcome, 1)
    assert second["weights"]["end_ns"] < last < second["to_device"]["begin_ns"]
    assert second["park"]["end_ns"] <= second["to_device"]["begin_ns"]
    assert "park" not in steps_of(outcome, 0)


@pytest.mark.usefixtures("a_gpu_is_promised")
@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_a_model_that_is_to_wait_on_the_device_is_copied_ahead(tmp_path):
    models = write_pair(tmp_path / "models", "to_device")
    setups = (Setup(device="cuda", threads=1),)

    outcome = measure(models, tmp_path, "waits", "tells", overlap="partition", setups=setups, park="device")

    assert [result.status for result in outcome.run.results] == [Status.OK, Status.OK]
    last = max(outcome.run.samples(outcome.run.results[0]).column("start_ns").to_pylist())
    assert steps_of(outcome, 1)["to_device"]["end_ns"] < last
    assert "park" not in steps_of(outcome, 1)


@pytest.mark.usefixtures("a_gpu_is_promised")
def test_a_worker_that_dies_while_it_waits_costs_only_its_own_cases(tmp_path, models):
    setups = (Setup(device="cuda", threads=1),)

    outcome = measure(
        models, tmp_path, "first", "dies_while_it_waits", "second", overlap="freeze", lookahead=2, setups=setups
    )

    assert [result.status for result in outcome.run.results] == [Status.OK, Status.CRASHED, Status.OK]
    assert_no_worker_is_left()


@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_the_next_one_begins_while_one_whose_turn_has_come_still_loads(tmp_path, models):
    limits = replace(LIMITS, budget_ns=1)
    setups = (Setup(threads=1),)

    outcome = measure(models, tmp_path, "first", "second", "third", overlap="partition", setups=setups, limits=limits)

    assert [result.status for result in outcome.run.results] == [Status.OK] * 3
    assert steps_of(outcome, 2)["boot"]["begin_ns"] < steps_of(outcome, 1)["weights"]["end_ns"]


def test_a_load_that_takes_too_long_is_killed_and_the_plan_goes_on(tmp_path, models):
    limits = replace(LIMITS, load_ns=10 * NS_PER_S)  # the other one boots within it, also on a busy machine

    outcome = measure(models, tmp_path, "loads_for_ever", "first", overlap="off", limits=limits)

    lost, other = outcome.run.results
    assert (lost.status, other.status) == (Status.TIMEOUT, Status.OK)
    assert lost.failure.cause == "loading the model took longer than 10 s, and the worker was killed"
    assert_no_worker_is_left()


def test_a_silent_load_that_uses_cpu_is_no_hang(tmp_path, models):
    limits = replace(LIMITS, silence_ns=2 * NS_PER_S)
    outcome = measure(models, tmp_path, "loads_long", overlap="off", limits=limits)

    assert outcome.run.results[0].status is Status.OK
    load = steps_of(outcome, 0)["weights"]
    assert load["end_ns"] - load["begin_ns"] > 2 * limits.silence_ns


def test_a_case_that_takes_too_long_is_killed_though_its_worker_sends_progress(tmp_path, models):
    limits = replace(LIMITS, budget_ns=600 * NS_PER_S, case_ns=NS_PER_S)

    outcome = measure(models, tmp_path, "first", overlap="off", limits=limits)

    (result,) = outcome.run.results
    assert result.status is Status.TIMEOUT
    assert result.failure.cause == "the case took longer than 1 s, and the worker was killed"
    assert_no_worker_is_left()


def test_the_time_that_a_loader_is_frozen_does_not_count(tmp_path, models):
    limits = replace(LIMITS, budget_ns=9 * NS_PER_S, load_ns=6 * NS_PER_S)

    outcome = measure(models, tmp_path, "first", "second", overlap="freeze", limits=limits)

    assert outcome.run.record.overlap["loads_ahead"] == 1
    assert [result.status for result in outcome.run.results] == [Status.OK, Status.OK]


@pytest.mark.gpu
@pytest.mark.skipif(not load_device("cuda").find(), reason="no CUDA device on this machine")
@pytest.mark.parametrize(("park", "steps"), [("host", ["park", "to_device"]), ("device", ["to_device"])])
def test_a_real_model_waits_for_a_real_gpu(tmp_path, park, steps):
    setups = tuple(
        Setup(device="cuda", dtype=dtype, threads=1, weights="random", scale="reduced")
        for dtype in ("float32", "bfloat16")
    )
    # Long enough for the second to import its framework meanwhile.
    limits = replace(LIMITS, budget_ns=30 * NS_PER_S, silence_ns=120 * NS_PER_S)
    request = Spec(
        models=("smollm2_135m_instruct",),
        benchmarks=("inference_speed",),
        setups=setups,
        axes={"input_length": (16,), "new_tokens": (4,)},
        limits=limits,
        park=park,
    )
    outcome = asyncio.run(run_benchmarks(request, output=tmp_path))

    assert [result.status for result in outcome.run.results] == [Status.OK, Status.OK]
    assert outcome.run.record.overlap["loads_ahead"] == 1
    last = max(outcome.run.samples(outcome.run.results[0]).column("start_ns").to_pylist())
    second = steps_of(outcome, 1)
    assert [name for name in second if name in ("park", "to_device")] == steps
    copied_ahead = second["to_device"]["end_ns"] < last
    assert copied_ahead is (park == "device")
