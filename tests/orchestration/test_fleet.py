"""The nodes of a sweep before its first share: calibrated, recorded, named, left out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from inference_bench.calibration import CalibrationPlan
from inference_bench.errors import InvalidValueError
from inference_bench.orchestration.placement.placement import NodeLostError
from inference_bench.orchestration.placement.share import CALIBRATE, CALIBRATED, shares_of
from inference_bench.orchestration.placements.local import LocalPlacement
from inference_bench.orchestration.progress import Progress
from inference_bench.orchestration.sweep import Sweep, SweepRequest, new_sweep, share_records
from inference_bench.results.serialization import plain
from inference_bench.results.sweep_file import SWEEP, NodeStatus, ShareStatus, read_sweep
from inference_bench.spec import Limits, Spec
from tests.calibrations import calibration, fleet, know_ceilings
from tests.command_line import assert_refused, call

SPEC = Spec(
    ("good",),
    ("inference_speed",),
    axes={"input_length": (8,), "new_tokens": (4,)},
    limits=Limits(min_samples=5, budget_ns=20_000_000),
)
PLAN = CalibrationPlan(devices=("cpu",), dtypes=("float32",), is_quick=True)
LEAVE_OUT = replace(PLAN, leave_out_outliers=True)
FIVE = fleet(n1=1.0, n2=1.002, n3=0.998, n4=0.8, n5=1.001)


class Lines(Progress):
    def __init__(self):
        self.messages, self.warnings = [], []

    def message(self, text):
        self.messages.append(text)

    def warn(self, text):
        self.warnings.append(text)


class Fleet(LocalPlacement):
    """A double of a cluster: nodes whose calibrations are given, or an error; their shares end at once, elsewhere."""

    def __init__(self, calibrations, shared):
        super().__init__()
        self.calibrations, self.shared = calibrations, shared
        self.asked = []

    async def carry_out(self, request, node):
        asked = json.loads(request)
        self.asked.append((node, CALIBRATE in asked))
        if CALIBRATE not in asked:
            await asyncio.sleep(0.05)  # so that every node gets one
            yield json.dumps({"event": "ended", "run": "s3://elsewhere/run", **self.shared})
            return
        found = self.calibrations[node]
        if isinstance(found, Exception):
            raise found
        yield json.dumps(found if isinstance(found, dict) else {"event": CALIBRATED, "calibration": plain(found)})


ENDED = {"finished": True, "sink_failure": "", "cases": {}}


def sweep(folder, calibrations, plan=PLAN, copies=None, shared=ENDED):
    placement, progress = Fleet(calibrations, shared), Lines()
    planned = copies or len(calibrations)
    record = new_sweep("x", "test", share_records(shares_of(SPEC, planned)), seed=0, copies=planned, calibration=plan)
    carried = Sweep(folder, record, SweepRequest(copies=copies), placement, progress)
    ended = asyncio.run(carried.carry_out(list(calibrations)))
    assert read_sweep(folder) == ended
    return ended, placement, progress


def measuring(placement):
    return {node for node, is_calibration in placement.asked if not is_calibration}


def test_every_node_is_calibrated_before_the_first_share(tmp_path):
    record, placement, progress = sweep(tmp_path, FIVE)
    assert record.calibrations == FIVE
    assert [is_calibration for _, is_calibration in placement.asked] == [True] * 5 + [False] * 5
    assert {of.status for of in record.nodes} == {NodeStatus.USED}
    assert measuring(placement) == set(FIVE)
    assert "n4: calibration" in progress.messages


def test_a_node_outside_the_band_is_named_and_measures_all_the_same(tmp_path):
    record, _, progress = sweep(tmp_path, FIVE)
    (named,) = (of for of in record.nodes if of.outside)
    assert named.node == "n4"
    assert "read, 1 thread" in {each.figure for each in named.outside}
    assert all(each.ratio == pytest.approx(0.8, rel=0.02) or each.ratio > 1.2 for each in named.outside)
    assert any(line.startswith("n4 is outside the band of the fleet: read, 1 thread") for line in progress.warnings)
    assert len(record.shares) == 5


def test_a_node_outside_the_band_is_left_out_if_asked_and_the_copies_are_fewer(tmp_path):
    record, placement, progress = sweep(tmp_path, FIVE, LEAVE_OUT)
    assert {of.node: of.status for of in record.nodes if of.status is not NodeStatus.USED} == {
        "n4": NodeStatus.LEFT_OUT
    }
    assert measuring(placement) == set(FIVE) - {"n4"}
    assert record.copies == len(record.shares) == 4
    assert all(share.status is ShareStatus.ENDED for share in record.shares)
    assert "each model is measured on 4 nodes instead of 5, without n4" in progress.warnings


def test_copies_that_were_asked_for_need_as_many_nodes(tmp_path):
    with pytest.raises(InvalidValueError, match=r"--copies: got 5, expected at most the 4 nodes .* lost: n4"):
        sweep(tmp_path, FIVE, LEAVE_OUT, copies=5)
    left = read_sweep(tmp_path)
    assert [of.node for of in left.nodes if of.status is NodeStatus.LEFT_OUT] == ["n4"]
    assert {share.status for share in left.shares} == {ShareStatus.PENDING}
    again = tmp_path / "again"
    again.mkdir()
    record, _, _ = sweep(again, FIVE, LEAVE_OUT, copies=4)
    assert record.copies == 4


def test_facts_that_differ_and_a_fleet_without_a_band_are_told(tmp_path):
    nodes = {"n1": calibration(1.0), "n2": calibration(0.5, cpu__governor="powersave")}
    record, _, progress = sweep(tmp_path, nodes, LEAVE_OUT)
    assert "cpu.governor differs: performance (n1); powersave (n2)" in progress.warnings
    assert any("2 calibrated nodes: a band" in line for line in progress.messages)
    assert {of.status for of in record.nodes} == {NodeStatus.USED}


def test_a_node_that_dies_while_it_is_calibrated_is_lost_and_one_that_refuses_is_used(tmp_path):
    refused = {"event": "refused", "text": "no room"}
    record, placement, _ = sweep(tmp_path, {"n1": calibration(1.0), "n2": NodeLostError("no heartbeat"), "n3": refused})
    assert {of.node: (of.status, of.cause) for of in record.nodes} == {
        "n1": (NodeStatus.USED, ""),
        "n2": (NodeStatus.LOST, "no heartbeat"),
        "n3": (NodeStatus.USED, "no room"),
    }
    assert measuring(placement) == {"n1", "n3"}
    assert record.copies == 2


def test_a_resumed_sweep_calibrates_only_what_is_not_yet(tmp_path):
    begun, _, _ = sweep(tmp_path, {"n1": calibration(1.0)}, shared=ENDED | {"sink_failure": "no answer"})
    assert begun.shares[0].status is ShareStatus.FAILED
    placement = Fleet({"n2": calibration(2.0)}, ENDED)
    resumed = Sweep(tmp_path, begun, SweepRequest(), placement, Progress())
    ended = asyncio.run(resumed.carry_out(["n1", "n2"]))
    assert [node for node, is_calibration in placement.asked if is_calibration] == ["n2"]
    assert set(ended.calibrations) == {"n1", "n2"}
    assert ended.shares[0].status is ShareStatus.ENDED


def test_a_driver_that_died_between_calibration_and_judgement_judges_when_it_is_resumed(tmp_path):
    record, _, _ = sweep(tmp_path, FIVE)
    pending = tuple(replace(share, status=ShareStatus.PENDING, attempts=()) for share in record.shares)
    nodes = tuple(replace(of, outside=()) for of in record.nodes)
    died = replace(record, shares=pending, nodes=nodes, calibration=LEAVE_OUT)
    placement = Fleet({}, ENDED)
    ended = asyncio.run(Sweep(tmp_path, died, SweepRequest(), placement, Progress()).carry_out(list(FIVE)))
    assert measuring(placement) == set(FIVE) - {"n4"}
    assert ended.copies == 4


def test_sweeps_without_calibration_stay_readable(tmp_path):
    record, _, _ = sweep(tmp_path, {"n1": calibration(1.0)}, plan=None)
    assert record.nodes == ()
    data = json.loads((tmp_path / SWEEP).read_text())
    (tmp_path / SWEEP).write_text(json.dumps({"schema_version": 1} | {k: data[k] for k in data if k not in _NEW}))
    assert read_sweep(tmp_path) == record


_NEW = ("schema_version", "calibration", "nodes")


# ---- by the command line, really

RUN = ("run", "--models-dir", "MODELS", "--model", "good", "--benchmark", "inference_speed", "--input-lengths", "8")
EFFORT = ("--new-tokens", "4", "--runs", "1", "--budget", "0.1", "--on", "local")


def words(models, *more):
    return [str(models) if word == "MODELS" else word for word in (*RUN, *EFFORT, *more)]


def test_a_local_sweep_records_the_calibration_of_this_machine_and_a_resumed_one_keeps_it(
    tmp_path, monkeypatch, bad_models
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    know_ceilings()
    done = call(*words(bad_models, "--output", "out"))
    assert done.code == 0, done.err
    (folder,) = [path.parent for path in (tmp_path / "out").glob(f"*/{SWEEP}")]
    (found,) = read_sweep(folder).calibrations.values()
    assert found.problems == ()
    assert found.floor["itl"]["p50"] > 0
    assert found.ceilings[0].operation_ns.value == 900
    shown = call("report", str(folder))
    assert [part for part in ("Calibration", "harness floor", "900 ns", "from 4 on") if part not in shown.out] == []
    again = call("run", "--resume", str(folder), "--models-dir", str(bad_models))
    assert again.code == 0, again.err
    assert "calibration" not in again.err
    assert list(read_sweep(folder).calibrations.values()) == [found]


def test_options_of_calibration_need_a_sweep_and_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = ("run", "--model", "null")
    assert_refused(call(*run, "--no-calibration"), 2, "--no-calibration", "--on")
    assert_refused(call(*run, "--leave-out-outliers"), 2, "--leave-out-outliers", "--on")
    both = ("--on", "local", "--no-calibration", "--leave-out-outliers")
    assert_refused(call(*run, *both), 2, "--leave-out-outliers", "--no-calibration", "one of the two")
    assert not list(tmp_path.iterdir())
