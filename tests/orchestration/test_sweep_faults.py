"""Sweeps whose processes are killed at random instants, and whose store fails: nothing is lost, nothing is twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.placements.local import LocalPlacement
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.sweep import ForeignSweepError, Sweep, SweepRequest, new_sweep, share_records
from inference_bench.result import Status
from inference_bench.results.sweep_file import SWEEP, ShareStatus, read_sweep, write_sweep
from inference_bench.spec import Limits, Setup, Spec
from tests.command_line import assert_refused, call, run
from tests.object_store import CREDENTIALS, ObjectStore
from tests.processes import SHARE, WORKER, assert_no_worker_is_left, processes_alive
from tests.store_proxy import FAULTS, HANGS, store_proxy
from tests.whole_sweep import assert_readable, assert_whole, sweeps_in

KILLS = int(os.environ.get("INFERENCE_BENCH_KILLS", "3"))
"""Kills per test, each at another instant."""
SEED = os.environ.get("INFERENCE_BENCH_SEED", "20261127")
"""Of the instants."""
MOST_PER_SWEEP = 6
WITHIN_S = 120

REQUEST = ("--model", "good,slow", "--benchmark", "inference_speed", "--threads", "1,2,3", "--input-lengths", "8,16")
EFFORT = (
    *("--new-tokens", "4", "--runs", "1", "--budget", "0.1", "--precision", "0.4"),
    *("--no-calibration", "--on", "local"),
)
SPEC = Spec(
    ("good", "slow"),
    ("inference_speed",),
    setups=(Setup(threads=1), Setup(threads=2)),
    axes={"input_length": (8,), "new_tokens": (4,)},
    limits=Limits(min_samples=5, budget_ns=20_000_000),
)


# ---- processes that are killed


def start(root, models, *words):
    """Start a sweep, or continue the one that is there."""
    begun = sweeps_in(root)
    what = ("--resume", str(begun[0])) if begun else (*REQUEST, *EFFORT, "--output", str(root))
    command = [sys.executable, "-m", "inference_bench", "run", "--models-dir", str(models), *what, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def killed_now(victim, driver):
    """Kill a driver, the process of a share, or a worker of it; return whether there was one."""
    found = [driver.pid] if victim == "driver" else processes_alive(SHARE if victim == "share" else WORKER)
    for pid in found[:1]:
        os.kill(pid, signal.SIGKILL)
    return bool(found)


def carry_out(root, models, victim, instants, most):
    """Carry a sweep out to its end; return how often something was killed at a random instant."""
    kills, seen = 0, set()
    while True:
        driver = start(root, models)
        while True:
            try:
                said, _ = driver.communicate(timeout=instants.uniform(0.1, 2.5) if kills < most else WITHIN_S)
                break
            except subprocess.TimeoutExpired:
                assert kills < most, f"the sweep does not end within {WITHIN_S} s"
                kills += killed_now(victim, driver)
        assert "Traceback" not in said, said
        assert_no_worker_is_left()
        now = assert_readable(root)
        assert seen <= now
        seen = now
        if is_ended(root):
            return kills


def is_ended(root):
    begun = sweeps_in(root)
    return bool(begun) and all(share.status is ShareStatus.ENDED for share in read_sweep(begun[0]).shares)


@pytest.mark.parametrize("victim", ["driver", "share", "worker"])
def test_whatever_is_killed_at_random_instants_the_data_set_is_whole(store, bad_models, victim):
    print(f"seed of the instants: {SEED} (INFERENCE_BENCH_SEED)")
    instants = random.Random(f"{SEED} {victim}")
    kills, statuses, sweeps = 0, Counter(), 0
    while kills < KILLS:
        root = store.place(f"sweep-{sweeps}")
        now = carry_out(root, bad_models, victim, instants, min(KILLS - kills, MOST_PER_SWEEP))
        record = assert_whole(sweeps_in(root)[0], bad_models)
        kills, sweeps = kills + now, sweeps + 1
        statuses.update(status for share in record.shares for status in share.cases.values())
    print(f"{kills} times the {victim} killed in {sweeps} sweeps, cases: {dict(statuses)}")
    assert statuses[Status.OK.value] + statuses[Status.CRASHED.value] == 12 * sweeps
    most_lost = 2 * kills  # a worker that is killed while it loads loses all of its cases, here two
    assert statuses[Status.CRASHED.value] <= (most_lost if victim == "worker" else 0)


# ---- stores that fail


class Lines(Progress):
    """What the user sees."""

    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def measure(folder, models, progress=None, spec=SPEC):
    identity = folder.name.removeprefix("run_id=")
    record = new_sweep(identity, "local", share_records(shares_of(spec, 1)), seed=0, copies=1)
    sweep = Sweep(folder, record, SweepRequest([models]), LocalPlacement(), progress or Progress())
    return asyncio.run(sweep.carry_out(["n1"]))


UNAVAILABLE = "503 Slow Down"
OUTAGE_S = 30


def measure_through(fault, models, store):
    """Measure a sweep whose store fails from the first case on; return what the user was told."""
    progress = Lines()
    with store_proxy(store.port) as network:
        first = store.writes

        def mend():
            store.refusal = None
            network.mend()

        def fail_once():
            if store.writes - first == 5:
                if fault == UNAVAILABLE:
                    store.refusal = fault
                else:
                    network.fail(fault)
                threading.Timer(OUTAGE_S, mend).start()

        store.on_write = fail_once
        folder = network.place("team") / f"run_id={fault.replace(' ', '-')}-sweep"
        measure(folder, models, progress)
        assert_whole(folder, models)
    return [text for text in progress.warnings if "Trying again" in text]


@pytest.mark.slow
def test_a_store_that_fails_for_half_a_minute_in_mid_run_gets_all_and_the_user_is_told(store, bad_models):
    """The share and its driver wait for it. Each way to fail has a sweep and a server of its own, all at once."""
    faults = (UNAVAILABLE, *FAULTS)
    with ExitStack() as open_now:
        servers = [open_now.enter_context(ObjectStore().running()) for _ in faults]
        threads = open_now.enter_context(ThreadPoolExecutor(len(faults)))
        told = list(threads.map(lambda fault, server: measure_through(fault, bad_models, server), faults, servers))

    for fault, texts in zip(faults, told, strict=True):
        assert texts or fault == HANGS, fault  # a request that hangs is given up after half a minute
        assert all("120 s" in text and text.count("\n") == 0 for text in texts)
        assert all("the store is unavailable" in text or "no answer" in text for text in texts), texts


def test_a_share_that_is_killed_while_the_store_does_not_answer_loses_no_case(store, bad_models):
    """What it had measured is on the disk of its node only, and is continued from there."""
    first, killed = store.writes, []

    class Killer(Lines):
        def message(self, text):
            if text.endswith(": ok") and not killed:
                killed.extend(processes_alive(SHARE))
                os.kill(killed[0], signal.SIGKILL)
                threading.Timer(1, answer).start()

    def answer():
        store.refusal = None

    def refuse():
        if store.writes - first == 4:  # after sweep.json and a probe: the store knows nothing of the run
            store.refusal = UNAVAILABLE

    store.on_write = refuse
    folder = store.place("team") / "run_id=x-sweep"
    record = measure(folder, bad_models, Killer())
    assert killed
    assert_whole(folder, bad_models)
    assert [attempt.status for attempt in record.shares[0].attempts] == [ShareStatus.FAILED, ShareStatus.ENDED]


RUN = ("run", "--model", "null", "--quick", "--on", "local", "--output")


@pytest.mark.parametrize(
    ("refusal", "parts"),
    [
        ("403 Forbidden", ("access is denied", "AWS_ACCESS_KEY_ID")),
        (UNAVAILABLE, ("the store is unavailable", "Try again later")),
    ],
)
def test_a_store_that_refuses_is_one_line_before_anything_is_measured(store, refusal, parts, tmp_path):
    store.refusal = refusal
    assert_refused(call(*RUN, store.address("team")), 2, "/team", *parts)
    assert {each.name for each in tmp_path.iterdir()} <= {"state"}


def test_a_bucket_that_is_not_there_is_one_line_before_anything_is_measured(store, tmp_path):
    assert_refused(call(*RUN, f"s3://absent/team{store.query}"), 2, "absent", "no such bucket", "Make it")
    assert {each.name for each in tmp_path.iterdir()} <= {"state"}


def test_missing_credentials_are_one_line_before_anything_is_measured(store, tmp_path, monkeypatch):
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert_refused(run(*RUN, store.address("team")), 2, "/team", "access is denied", "AWS_ACCESS_KEY_ID")
    assert {each.name for each in tmp_path.iterdir()} <= {"state"}


def test_wrong_credentials_are_one_line_before_anything_is_measured(store, tmp_path):
    with store.asking_for_keys():
        assert_refused(call(*RUN, store.address("team")), 2, "/team", "access is denied", "INVALID_ACCESS_KEY_ID")
        assert_refused(call("report", store.address("team")), 2, "/team", "access is denied", "AWS_ACCESS_KEY_ID")
    assert {each.name for each in tmp_path.iterdir()} <= {"state"}


# ---- two processes, one sweep


def test_a_second_process_does_not_carry_out_a_sweep_that_is_being_carried_out(store, bad_models):
    root = store.place("team")
    began = start(root, bad_models)
    try:
        while not assert_readable(root):
            assert began.poll() is None
        (folder,) = sweeps_in(root)
        refused = run("run", "--resume", str(folder), "--models-dir", str(bad_models))
        assert_refused(refused, 2, folder.name.partition("=")[2], "no other process", "Wait until it has ended")
    finally:
        said, _ = began.communicate(timeout=WITHIN_S)
    assert began.returncode == 0, said
    assert_whole(folder, bad_models)


def test_a_process_stops_when_one_on_another_machine_has_taken_its_sweep_over(store, bad_models):
    folder = store.place("team") / "run_id=x-sweep"
    first, taken = store.writes, []

    def take_over():
        if store.writes - first == 6:
            taken.append(
                threading.Thread(target=lambda: write_sweep(folder, replace(read_sweep(folder), driver="other")))
            )
            taken[0].start()

    store.on_write = take_over
    with pytest.raises(ForeignSweepError, match=r"run_id=x-sweep.*: another process carries out this sweep now"):
        measure(folder, bad_models)
    taken[0].join()
    assert_no_worker_is_left()
    assert read_sweep(folder).driver == "other"
    store.on_write = lambda: None
    done = call("run", "--resume", str(folder), "--models-dir", str(bad_models))
    assert done.code == 0, done.err + done.out
    assert_whole(folder, bad_models)
    assert (folder / SWEEP).is_file()
