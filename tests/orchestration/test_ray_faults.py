"""Sweeps on a real Ray cluster whose raylets, actors, shares and drivers are killed at random instants."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from inference_bench.results.sweep_file import ShareStatus, read_sweep
from tests.processes import SHARE, assert_no_worker_is_left, processes_alive
from tests.whole_sweep import assert_readable, assert_whole, sweeps_in

pytest.importorskip("ray.cluster_utils")

KILLS = int(os.environ.get("INFERENCE_BENCH_KILLS", "2"))
"""Kills per test, each at another instant."""
SEED = os.environ.get("INFERENCE_BENCH_SEED", "20261127")
"""Of the instants."""
MOST_PER_SWEEP = 4
WITHIN_S = 240
NODES = 3

REQUEST = ("--model", "good,slow", "--benchmark", "inference_speed", "--threads", "1,2", "--input-lengths", "8")
EFFORT = (
    *("--new-tokens", "4", "--runs", "1", "--budget", "0.1", "--precision", "0.4"),
    *("--copies", "2", "--no-calibration", "--on", "ray"),
)


class RayCluster:
    """Three nodes of one CPU each on this machine; one that is killed is replaced."""

    def __init__(self, address_changed):
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        for _ in range(NODES):
            self.add_node()
        address_changed(self._cluster.address)

    def add_node(self):
        self._cluster.add_node(num_cpus=1, resources={"inference_bench": 1}, object_store_memory=80_000_000)

    def shutdown(self):
        self._cluster.shutdown()

    def kill_raylet(self, instants):
        """Kill the raylet of any node but the first, to which the driver is connected."""
        node = instants.choice(self._cluster.list_all_nodes()[1:])
        node.kill_raylet()
        self._cluster.remove_node(node, allow_graceful=False)
        self.add_node()
        return True

    def actors(self):
        """Pids of the actors on the nodes: children of their raylets."""
        raylets = {node.all_processes["raylet"][0].process.pid for node in self._cluster.list_all_nodes()}
        return [pid for pid, parent, name in processes() if parent in raylets and "NodeRunner" in name]


def processes():
    """Yield pid, pid of the parent, and command of each process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                yield int(entry.name), parent, (entry / "cmdline").read_text(errors="replace")
            except OSError:
                continue


@pytest.fixture
def cluster(monkeypatch):
    """Nodes whose shares write where the test looks, and have its credentials."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DASHBOARD_ENABLED", "0")
    nodes = RayCluster(lambda address: monkeypatch.setenv("RAY_ADDRESS", address))
    yield nodes
    nodes.shutdown()


def start(root, models):
    begun = sweeps_in(root)
    what = ("--resume", str(begun[0])) if begun else (*REQUEST, *EFFORT, "--output", str(root))
    command = [sys.executable, "-m", "inference_bench", "run", "--models-dir", str(models), *what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def killed_now(victim, cluster, driver, instants):
    """Kill something; return whether there was one."""
    if victim == "raylet":
        return cluster.kill_raylet(instants)
    found = {"driver": lambda: [driver.pid], "share": lambda: processes_alive(SHARE), "actor": cluster.actors}[victim]()
    for pid in instants.sample(found, min(len(found), 1)):
        os.kill(pid, signal.SIGKILL)
    return bool(found)


def carry_out(root, models, victim, cluster, instants, most):
    """Carry a sweep out to its end; return how often something was killed at a random instant."""
    kills = 0
    while True:
        driver = start(root, models)
        while True:
            try:
                said, _ = driver.communicate(timeout=instants.uniform(1, 8) if kills < most else WITHIN_S)
                break
            except subprocess.TimeoutExpired:
                assert kills < most, f"the sweep does not end within {WITHIN_S} s"
                kills += killed_now(victim, cluster, driver, instants)
        assert "Traceback" not in said, said
        assert_no_worker_is_left(within_s=30)
        assert_readable(root)
        begun = sweeps_in(root)
        if begun and all(share.status is ShareStatus.ENDED for share in read_sweep(begun[0]).shares):
            return kills


@pytest.mark.parametrize("victim", ["raylet", "actor", "share", "driver"])
def test_whatever_is_killed_at_random_instants_the_data_set_is_whole(store, cluster, bad_models, victim):
    print(f"seed of the instants: {SEED} (INFERENCE_BENCH_SEED)")
    instants = random.Random(f"{SEED} {victim}")
    kills, sweeps, attempts = 0, 0, Counter()
    while kills < KILLS:
        root = store.place(f"sweep-{sweeps}")
        kills += carry_out(root, bad_models, victim, cluster, instants, min(KILLS - kills, MOST_PER_SWEEP))
        record = assert_whole(sweeps_in(root)[0], bad_models)
        assert {status for share in record.shares for status in share.cases.values()} == {"ok"}
        attempts.update(attempt.status.value for share in record.shares for attempt in share.attempts)
        sweeps += 1
    print(f"{kills} times the {victim} killed in {sweeps} sweeps, attempts: {dict(attempts)}")
