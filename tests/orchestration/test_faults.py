"""Orchestrator or worker killed at any instant: what was written stays, no worker is left, the run can be resumed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference_bench.orchestration.run import run_benchmarks
from inference_bench.result import Status
from inference_bench.results.run import load_run
from inference_bench.spec import Limits, Setup, Spec
from inference_bench.units import NS_PER_S
from tests.processes import assert_no_worker_is_left, workers_alive

KILLS = int(os.environ.get("INFERENCE_BENCH_KILLS", "4"))
"""Kills per test, each at another instant."""

LIMITS = Limits(min_samples=30, budget_ns=NS_PER_S // 10, relative_width=0.5, silence_ns=60 * NS_PER_S)


def command(output, models, *words):
    request = ("--model", "good,slow", "--benchmark", "inference_speed", "--input-lengths", "8,16", "--new-tokens", "4")
    effort = ("--threads", "1,2", "--runs", "1", "--budget", "0.1", "--precision", "0.4", "--overlap", "freeze")
    words = words or (*request, *effort, "-o", str(output))
    return [sys.executable, "-m", "inference_bench", "run", "--models-dir", str(models), "--quiet", *words]


def start(*args):
    return subprocess.Popen(command(*args), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ended_samples(folder):
    """Return the samples file of each case that has ended → when it was written, which must not change."""
    run = load_run(folder)
    files = (run.files[result.case.id]["samples"] for result in run.results)
    return {file: (folder / file).stat().st_mtime_ns for file in files if file is not None}


def test_killed_again_and_again_at_any_instant_a_run_still_gets_to_its_end(tmp_path, bad_models):
    instants = random.Random(20261124)
    folder, written = None, {}
    for _ in range(KILLS):
        began = start(tmp_path, bad_models, *(("--resume", str(folder)) if folder else ()))
        # A random time, so that kills spread over the whole run.
        time.sleep(instants.uniform(0.2, 2.5))
        began.kill()
        _, errors = began.communicate()
        assert "Traceback" not in errors
        assert_no_worker_is_left()
        folders = [path for path in tmp_path.iterdir() if (path / "run.json").exists()]
        assert len(folders) <= 1
        if folders:
            folder = folders[0]
            now = ended_samples(folder)
            assert written.items() <= now.items()
            written = now
    last = start(tmp_path, bad_models, *(("--resume", str(folder)) if folder else ()))
    _, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    run = load_run(folder or next(tmp_path.iterdir()))
    assert run.record.finished
    assert [result.status for result in run.results] == [Status.OK] * 8
    assert {len(result.workers) for result in run.results} == {1}
    assert written.items() <= ended_samples(run.folder).items()


@pytest.mark.parametrize("which", ["measuring", "any"])
def test_a_worker_killed_at_any_instant_costs_its_own_cases_only(tmp_path, bad_models, which):
    instants = random.Random(which)
    request = Spec(
        ("good", "slow"),
        ("inference_speed",),
        setups=tuple(Setup(threads=threads) for threads in range(1, 2 + KILLS)),
        axes={"input_length": (8,), "new_tokens": (4,)},
        limits=LIMITS,
        overlap="freeze",
    )
    killed = []

    async def kill_now_and_then():
        while True:
            await asyncio.sleep(instants.uniform(0.1, 1.0))
            workers = sorted(workers_alive())
            victim = workers[0] if workers and which == "measuring" else (workers or [None])[-1]
            if victim is not None:
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)

    async def measure():
        killer = asyncio.create_task(kill_now_and_then())
        try:
            return await run_benchmarks(request, output=tmp_path, models_dirs=[bad_models])
        finally:
            killer.cancel()

    outcome = asyncio.run(measure())
    run = load_run(outcome.folder)
    statuses = [result.status for result in run.results]
    assert len(statuses) == 2 * (1 + KILLS)
    assert run.record.finished
    assert killed
    assert set(statuses) <= {Status.OK, Status.CRASHED}  # the kernel counts no lack of memory
    assert statuses.count(Status.CRASHED) <= len(killed)
    for result in run.results:
        if result.status is Status.OK:
            assert run.samples(result).num_rows > 0
        else:
            assert "SIGKILL" in result.failure.cause
    assert_no_worker_is_left()


def test_memory_that_runs_out_is_a_result(tmp_path, bad_models):
    request = Spec(("allocates", "good"), ("inference_speed",), axes={"input_length": (8,)}, limits=LIMITS)
    outcome = asyncio.run(run_benchmarks(request, output=tmp_path, models_dirs=[bad_models]))

    assert [result.status for result in outcome.run.results] == [Status.OOM, Status.OK]
    assert "MemoryError" in outcome.run.results[0].failure.cause


@pytest.fixture
def small_disk(tmp_path):
    """Mount a real file system of 200 kB, which needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_fills_is_one_clear_line_and_what_fitted_stays(small_disk, bad_models):
    ended = subprocess.run(command(small_disk, bad_models), capture_output=True, text=True)

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "No space left on device" in ended.stderr
    assert_no_worker_is_left()
    folder = next(path for path in Path(small_disk).iterdir() if (path / "run.json").exists())
    run = load_run(folder)
    assert not run.record.finished
    for result in run.results:
        assert run.samples(result).num_rows > 0
    # With room again, it goes on.
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    resumed = subprocess.run(command(small_disk, bad_models, "--resume", str(folder)), capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert [result.status for result in load_run(folder).results] == [Status.OK] * 8
