"""The calibration of this machine, by real processes."""

from __future__ import annotations

import asyncio

import pytest

from inference_bench.analysis.calibration_figures import calibration_rows
from inference_bench.calibration import Calibration, CalibrationPlan
from inference_bench.machine.cpus import available_cpus
from inference_bench.machine.environment import describe_environment
from inference_bench.orchestration import calibrating
from inference_bench.orchestration.calibrating import calibrate
from inference_bench.results.ceilings_store import KIND, load_all_ceilings, load_ceilings
from inference_bench.results.reading import read_as
from inference_bench.results.serialization import plain
from inference_bench.results.state_folder import machine_file
from inference_bench.units import MIB
from tests.calibrations import know_ceilings

QUICK = CalibrationPlan(devices=("cpu",), dtypes=("float32",), is_quick=True)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def calibrated(plan):
    notes = []
    return asyncio.run(calibrate(plan, notes.append)), notes


def fingerprint():
    return str(describe_environment()["fingerprint"])


def test_a_quick_calibration_measures_what_the_plan_needs_and_keeps_nothing(monkeypatch):
    monkeypatch.setattr(calibrating, "default_sizes", lambda: (2 * MIB, 8 * MIB))  # GiB take a minute
    found, notes = calibrated(QUICK)
    assert found.problems == ()
    assert found.fingerprint == fingerprint()
    (ceilings,) = found.ceilings
    assert {each.dtype for each in ceilings.matmul} == {"float32"}
    assert {each.threads for each in ceilings.matmul} == {1, available_cpus()}
    assert {each.working_set_bytes for each in ceilings.read} == {8 * MIB}
    assert load_all_ceilings(fingerprint()) == {}
    assert any("matrix products" in note for note in notes)
    figures = {row.figure: row.values["here"] for row in calibration_rows({"here": found}, QUICK.dtypes)}
    assert len(figures) == (7 if available_cpus() > 1 else 5)
    assert 10 < figures["harness floor"] < 1e6
    assert read_as(Calibration, plain(found), "test") == found


def test_ceilings_that_are_stored_are_not_measured_again():
    know_ceilings()
    found, notes = calibrated(QUICK)
    assert found.ceilings == (load_ceilings(fingerprint(), "cpu"),)
    assert notes == ["the harness floor"]
    assert found.clock["source"]
    assert found.facts["cpu.model"] == describe_environment()["cpu"]["model"]
    assert "packages.numpy" in found.facts
    assert found.load is not None


def test_what_cannot_be_measured_is_a_problem_and_the_rest_is_there():
    know_ceilings()
    path = machine_file(KIND, fingerprint())
    path.write_text("[]")
    (path.parent.parent / "noise").mkdir()
    (path.parent.parent / "noise" / path.name).write_text("{")
    found, _ = calibrated(CalibrationPlan(devices=("cpu", "cuda:77"), dtypes=("float32",), is_quick=True))
    assert found.ceilings == found.aa_floors == ()
    assert len(found.problems) == 3
    assert "Delete it" in found.problems[0]
    assert found.problems[1].startswith("ceilings of cuda:77: ")
    assert found.problems[2].startswith("A/A floor: ")
    assert found.floor
