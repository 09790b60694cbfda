"""Runs copied to a store while they are measured: killed, refused, resumed. Nothing is lost, nothing is twice."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from inference_bench.columns import TABLES
from inference_bench.orchestration import catching_up
from inference_bench.orchestration.run import resume_run, run_benchmarks
from inference_bench.results.run import load_run
from inference_bench.spec import Limits, Spec
from tests.processes import assert_no_worker_is_left

KILLS = int(os.environ.get("INFERENCE_BENCH_KILLS", "4"))
REQUEST = Spec(
    ("null",),
    ("inference_speed",),
    axes={"input_length": (8, 16), "new_tokens": (4,)},
    limits=Limits(min_samples=5, budget_ns=20_000_000),
)


def measure(store, **options):
    return asyncio.run(run_benchmarks(REQUEST, output=store.place("team"), **options))


def assert_stored(store, run):
    """The store has the run that is on disk: each case once, with its tables, and no table besides."""
    stored = load_run(store.address("team"))
    assert (stored.record, stored.results) == (run.record, run.results)
    named = {file for files in stored.files.values() for file in files.values() if file}
    tables = {name.split("/", 2)[2] for name in store.objects("team") if name.split("/")[2] in TABLES}
    assert tables == named
    for case, files in run.files.items():
        for table in (name for name in TABLES if files[name] is not None):
            assert run.table(case, table).equals(stored.table(case, table))


def test_a_run_is_on_disk_and_in_the_store(store, tmp_path):
    outcome = measure(store)
    assert outcome.folder.parent.resolve() == tmp_path / "benchmark_results"
    assert outcome.stored_at == (str(store.place("team") / f"run_id={outcome.folder.name}" / stored_node(store)),)
    assert not outcome.has_findings
    assert_stored(store, outcome.run)
    assert any("/logs/worker-" in name for name in store.objects("team"))


def stored_node(store):
    (node,) = {name.split("/")[1] for name in store.objects("team")}
    return node


def test_a_store_that_refuses_for_half_a_minute_gets_everything(store, monkeypatch):
    """It refuses from the first case on; the pauses are shorter than those of a real run."""
    monkeypatch.setattr(catching_up, "_FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(catching_up, "_LONGEST_PAUSE_S", 0.1)
    first = store.writes
    refused = threading.Event()

    def answer():
        store.refusal = None

    def refuse_for_a_while():
        if store.writes - first == 5:
            store.refusal = "503 Slow Down"
            refused.set()
            threading.Timer(3, answer).start()

    store.on_write = refuse_for_a_while
    outcome = measure(store)
    assert refused.is_set()
    assert outcome.sink_failure == ""
    assert_stored(store, outcome.run)


def test_a_store_that_never_comes_back_is_a_finding_and_the_run_is_stored_later(store, monkeypatch):
    monkeypatch.setattr(catching_up, "_PATIENCE_S", 0.1)
    first = store.writes

    def refuse():
        store.refusal = "503 Slow Down" if store.writes - first > 4 else None

    store.on_write = refuse
    outcome = measure(store)
    assert outcome.run.record.finished
    assert "the store is unavailable" in outcome.sink_failure
    assert "--resume RUN --sink ADDRESS" in outcome.sink_failure
    assert outcome.has_findings

    store.answer()
    again = asyncio.run(resume_run(outcome.folder, sinks=[store.address("team")]))
    assert again.run.results == outcome.run.results
    assert_stored(store, again.run)


def start(store, *resumed):
    request = ["--model", "good", "--models-dir", "models", "--benchmark", "inference_speed", "--threads", "1,2"]
    request += ["--input-lengths", "8,16", "--new-tokens", "4", "--runs", "1", "--budget", "0.1"]
    words = resumed or (*request, "--output", store.address("team"))
    command = [sys.executable, "-m", "inference_bench", "run", "--quiet", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def stored_now(store):
    """Read the stored run as anyone could at this instant; None if there is none yet."""
    if not any(name.endswith("/run.json") for name in store.objects("team")):
        return None
    run = load_run(store.address("team"))
    for case, files in run.files.items():
        for table in (name for name in TABLES if files[name] is not None):
            assert run.table(case, table).num_rows > 0
    return run


@pytest.mark.parametrize("disk", ["kept", "lost"])
def test_killed_at_any_instant_and_resumed_from_the_store(store, tmp_path, bad_models, disk):
    """SIGKILL at random instants; with the disk lost, the next process has what the store has."""
    shutil.copytree(bad_models, tmp_path / "models")
    instants = random.Random(disk)
    resumed = ("--models-dir", "models", "--resume", store.address("team"))
    ended: set[str] = set()
    run = None
    for _ in range(KILLS):
        began = start(store, *(resumed if run else ()))
        time.sleep(instants.uniform(0.3, 3.5))
        began.send_signal(signal.SIGKILL)
        began.communicate()
        assert_no_worker_is_left()
        run = stored_now(store)
        now = set() if run is None else {result.case.id for result in run.results}
        assert ended <= now
        ended = now
        if disk == "lost" or run is None:
            shutil.rmtree(tmp_path / "benchmark_results", ignore_errors=True)
    last = start(store, *(resumed if run else ()))
    _, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    run = stored_now(store)
    assert run is not None
    assert run.record.finished
    assert len({result.case.id for result in run.results}) == len(run.results) == 4
    assert_stored(store, load_run(tmp_path / "benchmark_results" / run.record.id))
    assert not list(Path(tmp_path / "benchmark_results").glob("*/*.tmp"))
