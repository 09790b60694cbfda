"""Sweeps: how a plan is shared out, and what becomes of shares whose process or node dies."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import replace

import pytest

from inference_bench.columns import TABLES
from inference_bench.errors import InvalidValueError, PluginError, UnknownNameError
from inference_bench.orchestration.placement.code_folder import code_folder
from inference_bench.orchestration.placement.placement import NodeLostError, open_placement, placement_names
from inference_bench.orchestration.placement.share import shares_of
from inference_bench.orchestration.placement.share_process import MODULE, clean_environment
from inference_bench.orchestration.placements.local import LocalPlacement
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.sweep import Sweep, SweepRequest, new_sweep, share_records
from inference_bench.provenance.record import marked
from inference_bench.results.discovery import find_runs, open_runs
from inference_bench.results.run import load_run
from inference_bench.results.sweep_figures import read_figures
from inference_bench.results.sweep_file import SWEEP, ShareStatus, read_sweep
from inference_bench.spec import Limits, Setup, Spec
from tests.command_line import assert_refused, call
from tests.conftest import write_model
from tests.processes import assert_no_worker_is_left

SPEC = Spec(
    ("good", "slow"),
    ("inference_speed",),
    setups=tuple(Setup(threads=threads) for threads in (1, 2, 3)),
    axes={"input_length": (8,), "new_tokens": (4,)},
    limits=Limits(min_samples=5, budget_ns=20_000_000),
    time_ns=10_000_000_000,
)


# ---- how a plan is shared out


def test_each_node_measures_whole_blocks_in_orders_of_its_own():
    shares = shares_of(SPEC, 4, seed=1)
    assert Counter(share.block for share in shares) == {"good": 4, "slow": 4}
    assert [share.copy for share in shares] == [0, 0, 1, 1, 2, 2, 3, 3]
    for share in shares:
        assert share.spec.models == (share.block,)
        assert sorted(share.spec.setups, key=lambda setup: setup.threads) == list(SPEC.setups)
        assert share.spec.time_ns == SPEC.time_ns // 2
    assert len({share.spec.setups for share in shares}) > 1
    assert len({tuple(share.block for share in shares[at : at + 2]) for at in range(0, 8, 2)}) > 1


def test_an_axis_that_one_model_lacks_is_left_out_of_its_shares():
    spec = replace(SPEC, axes={"input_length": (16,), "new_tokens": (4,)})
    shares = shares_of(spec, 1, axes={"good": {"input_length", "view"}, "slow": {"input_length", "new_tokens"}})

    assert {share.block: set(share.spec.axes) for share in shares} == {
        "good": {"input_length"},
        "slow": {"input_length", "new_tokens"},
    }


def test_the_seed_gives_the_order():
    assert shares_of(SPEC, 3, seed=5) == shares_of(SPEC, 3, seed=5)
    assert shares_of(SPEC, 3, seed=5) != shares_of(SPEC, 3, seed=6)


def test_nothing_that_a_launcher_sets_reaches_a_share():
    set_by_ray = {"OMP_NUM_THREADS": "1", "RAY_JOB_ID": "1", "CUDA_VISIBLE_DEVICES": "", "MKL_NUM_THREADS": "1"}
    mine = {"PATH": "/bin", "HOME": "/root", "AWS_REGION": "x", "HF_HOME": "/models"}
    assert clean_environment({**set_by_ray, **mine}) == mine


def test_placements_are_found_by_name():
    assert placement_names()[:2] == ["local", "ray"]
    assert open_placement("local").address == ""
    assert open_placement("ray://head:10001").address == "head:10001"
    with pytest.raises(UnknownNameError, match="Known: local, ray"):
        open_placement("slurm")
    assert not issubclass(UnknownNameError, PluginError)


# ---- what becomes of shares


class Nodes(LocalPlacement):
    """A double of a cluster: real processes of shares, but nodes by name only, one of which dies."""

    def __init__(self, dies="", after=2, kills=0):
        super().__init__()
        self.dies, self.after, self.kills = dies, after, kills

    async def carry_out(self, request, node):
        seen = 0
        async with aclosing(super().carry_out(request, node)) as lines:
            async for line in lines:
                if node == self.dies and seen == self.after:
                    raise NodeLostError("no heartbeat")
                if self.kills and seen == self.after:
                    self.kills -= 1
                    os.kill(share_pid(), signal.SIGKILL)
                seen += 1
                yield line


def share_pid():
    return int(
        subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", MODULE], capture_output=True, text=True, check=True
        ).stdout
    )


class Lines(Progress):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def sweep(folder, placement, nodes, models, copies=1, spec=SPEC):
    record = new_sweep("x-sweep", "test", share_records(shares_of(spec, copies)), seed=0, copies=copies)
    progress = Lines()
    ended = asyncio.run(Sweep(folder, record, SweepRequest([models]), placement, progress).carry_out(nodes))
    assert read_sweep(folder) == ended
    return ended, progress.warnings


def assert_whole(folder, record):
    """Every share has its run with every case once, and all of its tables can be read."""
    for share in record.shares:
        assert share.status is ShareStatus.ENDED
        run = load_run(share.run)
        assert run.record.finished
        assert run.record.spec["models"] == [share.block]
        assert len({result.case.id for result in run.results}) == len(run.results) == 3
        for case, files in run.files.items():
            for table in (name for name in TABLES if files[name] is not None):
                assert run.table(case, table).num_rows > 0
    assert len({share.run for share in record.shares}) == len(record.shares)


def test_a_sweep_on_a_store_is_the_plan_and_its_runs_are_read_as_any(store, tmp_path, bad_models):
    folder = store.place("team") / "run_id=x-sweep"
    record, _ = sweep(folder, LocalPlacement(), ["n1"], bad_models)
    assert_whole(folder, record)
    assert {share.run for share in record.shares} == {str(place) for place in find_runs(store.address("team"))}
    runs = open_runs(store.address("team"), pytest.fail)
    assert sum(len(run.results) for run in runs) == 6
    assert {run.record.provenance.tags["sweep"] for run in runs} == {"x-sweep"}
    assert {run.record.provenance.tags["node"] for run in runs} == {"n1"}
    assert not (tmp_path / "state" / "inference_bench" / "shares" / "x-sweep" / "000-n1").exists()  # all is stored


def test_the_share_of_a_node_that_dies_goes_whole_to_another(tmp_path, bad_models):
    record, warnings = sweep(tmp_path, Nodes(dies="n1"), ["n1", "n2"], bad_models)
    assert_whole(tmp_path, record)
    assert {share.node for share in record.shares} == {"n2"}
    lost = [attempt for share in record.shares for attempt in share.attempts if attempt.node == "n1"]
    assert [(attempt.status, attempt.cause) for attempt in lost] == [(ShareStatus.NODE_LOST, "no heartbeat")]
    assert any("goes to another node" in warning for warning in warnings)
    assert_no_worker_is_left()


def test_when_the_last_node_dies_what_has_not_ended_says_so_and_can_be_resumed(store, tmp_path, bad_models):
    folder = store.place() / "run_id=x-sweep"
    record, _ = sweep(folder, Nodes(dies="n1", after=6), ["n1"], bad_models)
    assert ShareStatus.NODE_LOST in {share.status for share in record.shares}
    resumed = Sweep(folder, record, SweepRequest([bad_models]), LocalPlacement(), Progress())
    ended = asyncio.run(resumed.carry_out(["n1"]))
    assert_whole(folder, ended)


def test_a_share_whose_process_is_killed_is_carried_out_again(tmp_path, bad_models):
    record, _ = sweep(tmp_path, Nodes(kills=1), ["n1"], bad_models)
    assert_whole(tmp_path, record)
    causes = [attempt.cause for share in record.shares for attempt in share.attempts if attempt.cause]
    assert len(causes) == 1
    assert "signal 9" in causes[0]
    assert len(find_runs(tmp_path)) == 2  # it went on where it was
    assert_no_worker_is_left()


def test_a_share_that_is_always_killed_is_given_up(tmp_path, bad_models):
    spec = Spec(("good",), SPEC.benchmarks, axes=SPEC.axes, limits=SPEC.limits)
    record, _ = sweep(tmp_path, Nodes(kills=9), ["n1"], bad_models, spec=spec)
    (share,) = record.shares
    assert share.status is ShareStatus.FAILED
    assert len(share.attempts) == 3


def test_a_share_that_one_node_refuses_is_offered_to_each_other_once(tmp_path):
    record, warnings = sweep(tmp_path, LocalPlacement(), ["n1", "n2"], made(tmp_path / "empty"))
    assert {share.status for share in record.shares} == {ShareStatus.REFUSED}
    for share in record.shares:
        assert sorted(attempt.node for attempt in share.attempts) == ["n1", "n2"]
    assert any("unknown model 'good'" in warning for warning in warnings)


class Lacking(LocalPlacement):
    """A double: of two nodes the first lacks something that all shares need."""

    async def carry_out(self, request, node):
        if node == "n1":
            yield json.dumps({"event": "refused", "text": "no torch here"})
            return
        async with aclosing(super().carry_out(request, node)) as lines:
            async for line in lines:
                yield line


def test_what_one_node_lacks_another_may_have(tmp_path, bad_models):
    record, _ = sweep(tmp_path, Lacking(), ["n1", "n2"], bad_models)
    assert_whole(tmp_path, record)
    assert {share.node for share in record.shares} == {"n2"}
    causes = {attempt.cause for share in record.shares for attempt in share.attempts if attempt.node == "n1"}
    assert causes == {"no torch here"}


def made(folder):
    folder.mkdir()
    return folder


class Told(LocalPlacement):
    """A double: a node that tells what it is given to tell."""

    def __init__(self, *events):
        super().__init__()
        self.events = events

    async def carry_out(self, request, node):
        for event in self.events:
            yield json.dumps(event)


class Elsewhere(LocalPlacement):
    """A double: a node with another disk, on which the folder of the sweep is not."""

    async def carry_out(self, request, node):
        request = json.dumps({**json.loads(request), "output": "/on/the/driver"})
        async with aclosing(super().carry_out(request, node)) as lines:
            async for line in lines:
                yield line


def test_a_folder_that_a_node_does_not_share_is_refused_before_anything_is_measured(tmp_path, bad_models):
    record, _ = sweep(tmp_path, Elsewhere(), ["n1"], bad_models)
    assert {share.status for share in record.shares} == {ShareStatus.REFUSED}
    cause = record.shares[0].attempts[0].cause
    assert "output folder: got '/on/the/driver', expected one that this node shares" in cause
    assert "s3://bucket/prefix" in cause


def test_a_share_that_is_not_wholly_stored_has_not_ended(tmp_path, bad_models):
    ended = {"event": "ended", "run": "s3://b/x", "finished": True, "sink_failure": "no answer", "cases": {}}
    record, _ = sweep(tmp_path, Told(ended), ["n1"], bad_models)
    assert {(share.status, len(share.attempts)) for share in record.shares} == {(ShareStatus.FAILED, 3)}


def test_what_was_refused_is_tried_again_when_the_sweep_is_resumed(tmp_path, bad_models):
    record, _ = sweep(tmp_path, Lacking(), ["n1"], bad_models)
    resumed = Sweep(tmp_path, record, SweepRequest([bad_models]), LocalPlacement(), Progress())
    ended = asyncio.run(resumed.carry_out(["n1"]))
    assert_whole(tmp_path, ended)
    assert [attempt.status for attempt in ended.shares[0].attempts] == [ShareStatus.REFUSED, ShareStatus.ENDED]


def test_copies_go_to_different_nodes(tmp_path, bad_models):
    spec = Spec(("good",), SPEC.benchmarks, setups=SPEC.setups, axes=SPEC.axes, limits=SPEC.limits)
    record, _ = sweep(tmp_path, LocalPlacement(), ["n1", "n2"], bad_models, copies=2, spec=spec)
    assert_whole(tmp_path, record)
    assert {share.node for share in record.shares} == {"n1", "n2"}


def test_nodes_stand_side_by_side_in_the_report_of_a_sweep(tmp_path, bad_models):
    spec = Spec(("good",), SPEC.benchmarks, setups=SPEC.setups, axes=SPEC.axes, limits=SPEC.limits)
    folder = tmp_path / "20261127T113133Z-a2df8a-sweep"
    folder.mkdir()
    sweep(folder, LocalPlacement(), ["n1", "n2"], bad_models, copies=2, spec=spec)
    shown = call("report", str(folder))
    assert shown.code == 0, shown.err
    assert "2 of 2 shares ended" in shown.out
    assert shown.out == call("report", "latest", "--results", str(tmp_path)).out
    assert [word for word in ("n1", "n2", "Within nodes", "threads 2") if word not in shown.out] == []
    assert_refused(call("report", str(folder), "--json"), 2, "unknown format 'json'")
    found = read_figures(folder, pytest.fail)
    assert found.nodes == ["n1", "n2"]
    assert {row.case.setup.threads for row in found.rows} == {1, 2, 3}
    for row in found.rows:
        assert set(row.figures) == {"n1", "n2"}
        for node, figure in row.figures.items():
            (run,) = found.runs[node]
            result = run.result_of(row.case.id)
            assert figure in [summary.headline for summary in result.summaries if summary.metric == row.metric]


def test_the_driver_killed_leaves_nothing_running_and_is_resumed(store, tmp_path, bad_models):
    words = (
        "--models-dir",
        str(bad_models),
        "--model",
        "good,slow",
        "--benchmark",
        "inference_speed",
        "--threads",
        "1,2",
    )
    effort = ("--input-lengths", "8", "--new-tokens", "4", "--runs", "1", "--budget", "0.2", "--no-calibration")
    command = [sys.executable, "-m", "inference_bench", "run", *words, *effort, "--on", "local"]
    began = subprocess.Popen([*command, "-o", store.address("team")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while (
        not any(name.endswith("results.json") for name in store.place("team").files()) and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    began.kill()
    began.communicate()
    assert_no_worker_is_left()
    (folder,) = [place for place in store.place("team").iterdir() if (place / SWEEP).is_file()]
    done = call("run", "--resume", str(folder), "--models-dir", str(bad_models))
    assert done.code == 0, done.err + done.out
    record = read_sweep(folder)
    assert {share.status for share in record.shares} == {ShareStatus.ENDED}
    runs = open_runs(str(folder), pytest.fail)
    assert sorted(len(run.results) for run in runs) == [2, 2]


# ---- code and weights


class WithoutFolder(LocalPlacement):
    """A double: a node whose disk lacks the driver's folders of models."""

    async def carry_out(self, request, node):
        data = json.loads(request)
        for folder in data["models_dirs"]:
            folder["path"] = "/only/on/the/driver/models"
        async with aclosing(super().carry_out(json.dumps(data), node)) as lines:
            async for line in lines:
                yield line


def test_a_node_that_lacks_the_models_measures_the_code_that_it_was_sent(tmp_path, bad_models):
    record, _ = sweep(tmp_path, WithoutFolder(), ["n1"], bad_models)
    assert_whole(tmp_path, record)
    sources = {digest for run in open_runs(tmp_path, pytest.fail) for digest in run.record.provenance.sources.values()}
    assert sources == {code_folder(bad_models).digest}
    assert not list(tmp_path.rglob("model.py"))


def test_a_sweep_goes_on_with_the_code_that_it_began_with(tmp_path):
    models = tmp_path / "models"
    write_model(models, "good")
    write_model(models, "slow")
    record, _ = sweep(tmp_path, Lacking(), ["n1"], models)
    (models / "good" / "model.py").write_text("changed = True")
    for folders in ([models], []):
        with pytest.raises(InvalidValueError, match=r"code of models.*expected .*models \([0-9a-f]{12}\)\. .*--force"):
            Sweep(tmp_path, record, SweepRequest(folders), LocalPlacement(), Progress())
    forced = Sweep(tmp_path, record, SweepRequest([models], force=True), LocalPlacement(), Progress())
    assert set(forced.record.marks.sources.values()) == {code_folder(models).digest}


def test_label_and_tags_of_a_sweep_stay_when_it_is_resumed(tmp_path, bad_models):
    record = new_sweep("x-sweep", "test", share_records(shares_of(SPEC, 1)), seed=0, copies=1)
    request = SweepRequest([bad_models], marks=marked("nightly", tags=[("pull", "123")]))
    asyncio.run(Sweep(tmp_path, record, request, Lacking(), Lines()).carry_out(["n1"]))
    resumed = Sweep(tmp_path, read_sweep(tmp_path), SweepRequest([bad_models]), LocalPlacement(), Progress())
    asyncio.run(resumed.carry_out(["n1"]))
    runs = open_runs(tmp_path, pytest.fail)
    assert {(run.record.provenance.label, run.record.provenance.tags["pull"]) for run in runs} == {("nightly", "123")}


WEIGHTED = """
from inference_bench import HubWeights, Model


class Weighted(Model):
    title = "weighted"
    parameters = 1
    max_input_length = 4096
    hub = HubWeights("owner/tiny", "0123456789abcdef0123456789abcdef01234567")

    def load(self, setup, weights, steps): ...

    def unload(self): ...

    def generator(self): ...
"""


def test_a_node_that_cannot_have_the_weights_refuses_before_its_run_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    models = tmp_path / "models"
    (models / "weighted").mkdir(parents=True)
    (models / "weighted" / "model.py").write_text(WEIGHTED)
    (tmp_path / "sweep").mkdir()
    spec = replace(SPEC, models=("weighted",))
    record, _ = sweep(tmp_path / "sweep", LocalPlacement(), ["n1", "n2"], models, spec=spec)
    (share,) = record.shares
    assert share.status is ShareStatus.REFUSED
    assert [attempt.node for attempt in share.attempts] == ["n1", "n2"]
    cause = share.attempts[0].cause
    assert "HF_HUB_OFFLINE is set" in cause, cause
    assert [path.name for path in (tmp_path / "sweep").glob("[!.]*")] == [SWEEP]


def test_a_node_without_a_folder_that_it_may_write_refuses(tmp_path, bad_models, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    record, _ = sweep(tmp_path, LocalPlacement(), ["n1"], bad_models)
    assert {share.status for share in record.shares} == {ShareStatus.REFUSED}
    assert "/dev/null/state" in record.shares[0].attempts[0].cause
    assert "Expected a folder that this user may write" in record.shares[0].attempts[0].cause
