"""Sweeps on a real Ray cluster of three raylets on this machine: placement and faults, not speed.

Needs the extra ``ray``; the raylets share the machine, so that nothing here says how fast a node is.
"""

import json
import os
import signal
import subprocess
import sys
import time

import duckdb
import pytest
from pyarrow import dataset

from inference_bench.orchestration.placement.share_process import clean_environment
from inference_bench.result import Status
from inference_bench.results.discovery import open_runs
from inference_bench.results.sweep_figures import read_figures
from inference_bench.results.sweep_file import SWEEP, NodeStatus, ShareStatus, read_sweep
from inference_bench.results.tables import load_runs
from inference_bench.spec import Setup, Spec
from tests.command_line import assert_refused, run
from tests.conftest import write_model
from tests.processes import SPINS, assert_no_worker_is_left, detached
from tests.same_but_times import differences, table_differences
from tests.swept_plans import COUNTED, measured, swept

pytest.importorskip("ray.cluster_utils")

NODES = 3
REQUEST = ("--benchmark", "inference_speed", "--threads", "1,2", "--input-lengths", "8,16", "--new-tokens", "4")
EFFORT = ("--runs", "1", "--budget", "0.1", "--on", "ray", "--no-calibration")


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    """Three nodes of one CPU each; shares on them write where the test looks, and have its credentials."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DASHBOARD_ENABLED", "0")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    for _ in range(NODES):
        nodes.add_node(num_cpus=1, resources={"inference_bench": 1}, object_store_memory=80_000_000)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    nodes.shutdown()


def words(store, models, *more):
    return ("run", "--models-dir", str(models), *REQUEST, *EFFORT, "--output", store.address("team"), *more)


def start(*words):
    command = [sys.executable, "-m", "inference_bench", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sweep_in(store):
    (folder,) = [place for place in store.place("team").iterdir() if (place / SWEEP).is_file()]
    return folder


def has_run(store):
    return any(name.endswith("/run.json") for name in store.place("team").files())


def wait_until(condition, within_s=60):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def assert_whole(store, shares):
    """Every share has ended, and has its run with each case once, read as any run is."""
    record = read_sweep(sweep_in(store))
    assert [share.status for share in record.shares] == [ShareStatus.ENDED] * shares
    runs = {run.record.id: run for share in record.shares for run in open_runs(share.run, pytest.fail)}
    assert len(runs) == shares
    for each in runs.values():
        assert each.record.finished
        assert len({result.case.id for result in each.results}) == len(each.results) == 4
        for result in each.results:
            assert each.samples(result).num_rows > 0
    return record


def test_every_node_measures_every_model_and_a_node_that_dies_is_replaced(store, cluster, bad_models):
    """Three nodes × one model of four cases; a raylet is killed while its share is measured."""
    began = start(*words(store, bad_models, "--model", "good"))
    wait_until(
        lambda: any(name.endswith("/run.json") for name in store.place("team").files()) or began.poll() is not None
    )
    victim = cluster.list_all_nodes()[-1]
    victim.kill_raylet()
    out, errors = began.communicate(timeout=120)
    assert began.returncode == 0, errors + out
    record = assert_whole(store, NODES)
    attempts = [attempt for share in record.shares for attempt in share.attempts]
    assert [attempt.status for attempt in attempts].count(ShareStatus.NODE_LOST) == 1
    assert len({share.node for share in record.shares}) == NODES - 1
    assert_no_worker_is_left()


def test_a_driver_that_is_killed_leaves_nothing_running_and_is_resumed(store, cluster, bad_models):
    began = start(*words(store, bad_models, "--model", "good", "--nodes", "2", "--copies", "1"))
    wait_until(lambda: has_run(store))
    began.send_signal(signal.SIGKILL)
    began.communicate()
    assert_no_worker_is_left(within_s=30)
    done = run("run", "--resume", str(sweep_in(store)), "--models-dir", str(bad_models), "--nodes", "2")
    assert done.code == 0, done.err + done.out
    assert_whole(store, 1)


TELLS = """
import json, os, resource
limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith('RLIMIT')}
status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
facts = {
    'variables': dict(os.environ), 'niceness': os.getpriority(os.PRIO_PROCESS, 0), 'limits': limits,
    'oom': open('/proc/self/oom_score_adj').read(), 'cpus': sorted(os.sched_getaffinity(0)),
    'signals': [status[name] for name in ('SigIgn', 'SigBlk')], 'umask': status['Umask'],
}
open(PLACE, 'w').write(json.dumps(facts))
"""
OURS = ("INFERENCE_BENCH_TREE", "PYTEST_CURRENT_TEST", "COLUMNS")
"""Variables whose value is another one in each process of ours, or in each command of a test."""


def told(place):
    """Return what a measured process told of itself, without what is its own."""
    facts = json.loads(place.read_text())
    facts["variables"] = {name: value for name, value in facts["variables"].items() if name not in OURS}
    return facts


def test_a_measured_process_cannot_tell_that_ray_started_its_share(store, cluster, tmp_path):
    """Variables, niceness, limits, CPUs and signals are those of the same share on this machine without Ray."""
    place = tmp_path / "told.json"
    write_model(tmp_path / "models", "tells", load=f"exec({f'PLACE = {str(place)!r}{TELLS}'!r}, {{}})")
    request = words(store, tmp_path / "models", "--model", "tells", "--nodes", "1", "--threads", "1")
    found = {}
    for on in ("ray", "local"):
        done = run(*request, "--on", on)
        assert done.code == 0, done.err + done.out
        found[on] = told(place)
    ray, local = (found[on].pop("variables") for on in ("ray", "local"))
    different = {
        name: (ray.get(name), local.get(name)) for name in {**ray, **local} if ray.get(name) != local.get(name)
    }
    assert different == {}
    assert found["ray"] == found["local"]


def test_ray_sets_what_is_taken_away(cluster):
    """Otherwise the test before would show nothing: a task of this version has other variables than its driver."""
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    try:
        facts = ray.get(ray.remote(num_cpus=1)(lambda: (dict(os.environ), os.getpriority(os.PRIO_PROCESS, 0))).remote())
    finally:
        ray.shutdown()
    added = {name: value for name, value in facts[0].items() if os.environ.get(name) != value and name not in OURS}
    assert {"OMP_NUM_THREADS", "RAY_JOB_ID"} <= added.keys()
    assert clean_environment(added) == {}
    assert facts[1] > 0


def test_every_node_is_calibrated_before_its_first_share(store, cluster, bad_models):
    """The raylets share this machine: their facts are the same, and three of them have no band."""
    request = [word for word in words(store, bad_models, "--model", "good") if word != "--no-calibration"]
    done = run(*request)
    assert done.code == 0, done.err + done.out
    record = assert_whole(store, NODES)
    assert set(record.calibrations) == {share.node for share in record.shares}
    assert len(record.calibrations) == NODES
    assert {of.status for of in record.nodes} == {NodeStatus.USED}
    for calibration in record.calibrations.values():
        assert calibration.problems == ()
        assert calibration.floor["itl"]["p50"] > 0
        assert calibration.clock["resolution_ns"] > 0
        assert len(calibration.ceilings) == 1
    assert "3 calibrated nodes: a band of the fleet can be drawn from 4 on" in done.err


def test_what_a_cluster_cannot_give_is_refused_before_anything_is_measured(store, cluster, bad_models):
    refused = run(*words(store, bad_models, "--model", "good", "--nodes", "4"))
    assert_refused(refused, 2, "--nodes", "got 4", "at most the 3 nodes of the cluster")
    assert not store.objects("team")


def test_a_device_that_only_nodes_could_have_is_asked_for_there(store, cluster):
    done = run(
        *["run", "--model", "smollm2_135m_instruct", "--device", "cuda:99", "--nodes", "2", "--quick"],
        *EFFORT[-3:],
        "--output",
        store.address("team"),
    )

    assert done.code == 1
    assert done.err.count("device 'cuda:99'") == 4  # two shares; each node is asked once
    assert "each node measures with" in done.err
    assert not has_run(store)


def test_where_no_cluster_answers(store, bad_models, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    request = words(store, bad_models, "--model", "good")
    assert_refused(run(*request), 2, "127.0.0.1:9", "does not answer", "ray start")
    assert_refused(run(*request, "--on", "ray://127.0.0.1:9"), 2, "ray://127.0.0.1:9", "does not answer")


def test_the_processes_of_ray_are_told_apart_from_others(store, cluster, bad_models):
    with detached() as start_daemon:
        start_daemon(SPINS, "unrelated")
        done = run(*words(store, bad_models, "--model", "good", "--nodes", "1", "--budget", "1"))
    assert done.code == 0, done.err + done.out
    (measured,) = open_runs(str(sweep_in(store)), pytest.fail)
    used = {name for result in measured.results for worker in result.workers for name in worker["launcher_ns"]}
    assert used & {"raylet", "gcs_server"}
    assert "unrelated" not in used
    shown = run("report", str(sweep_in(store)))
    assert "Other processes" in shown.out, shown.err


def test_a_sweep_on_three_raylets_is_the_plan_measured_here_but_for_times(store, cluster, tmp_path, monkeypatch):
    """Two models, one of them a network with random weights, each on every node; what DuckDB and pandas read, too."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    plan = Spec(
        ("null", "smollm2_135m_instruct"),
        ("inference_speed", "batch_processing", "agreement"),
        setups=tuple(
            Setup(dtype=dtype, threads=threads, weights="random", scale="reduced")
            for dtype, threads in (("float32", 1), ("bfloat16", 2))
        ),
        axes={"input_length": (8,), "new_tokens": (4,), "batch_size": (1, 2)},
        limits=COUNTED,
    )
    here = measured(plan, tmp_path / "here")
    folder, record = swept(plan, store.place("team"), "ray")
    assert [share.status for share in record.shares] == [ShareStatus.ENDED] * 2 * NODES
    assert {share.node for share in record.shares} == set(read_figures(folder, pytest.fail).nodes)
    assert len(here.results) == 16
    assert {result.status for result in here.results} <= {Status.OK, Status.NOT_APPLICABLE}
    assert any(summary.score for result in here.results for summary in result.summaries)
    expected = load_runs(here.folder)
    for copy in range(NODES):
        places = [share.run for share in record.shares if share.copy == copy]
        assert differences([run for place in places for run in open_runs(place, pytest.fail)], [here]) == []
        assert table_differences(load_runs(*places), expected) == []
    assert_others_read(folder, load_runs(str(folder)).samples)


def assert_others_read(folder, ours):
    """DuckDB and pandas find the same samples in the dataset, and which node each is of."""
    store = folder.filesystem
    names = [str(folder.path / name) for name in folder.files() if "/samples/" in name]
    samples = dataset.dataset(names, filesystem=store, format="parquet", partitioning="hive")
    (counted,) = duckdb.sql("SELECT count(*), sum(value), count(DISTINCT node) FROM samples").fetchall()
    assert counted == (ours.num_rows, sum(ours["value"].to_pylist()), NODES)
    frame = samples.to_table().to_pandas()
    key = ["case_id", "run", "iteration", "metric", "value"]
    assert sorted(map(tuple, frame[key].to_numpy())) == sorted(map(tuple, ours.select(key).to_pandas().to_numpy()))
