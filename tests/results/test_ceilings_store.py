"""Ceilings on disk: kept per machine and device, with their date."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inference_bench.ceilings import Ceilings, GemvRate, Interval, MachineLoad, MatmulRate, ReadBandwidth
from inference_bench.errors import RunFormatError
from inference_bench.results.ceilings_store import (
    KIND,
    ceilings_of,
    ceilings_to_show,
    load_all_ceilings,
    load_ceilings,
    store_ceilings,
)
from inference_bench.results.state_folder import machine_file
from tests.judging import RECORD

NOW = datetime(2030, 1, 31, tzinfo=UTC)
CPU = Ceilings(
    fingerprint="machine",
    device="cpu",
    measured_utc=NOW.isoformat(),
    read=(
        ReadBandwidth(1, 1 << 20, Interval(9e10, 8.9e10, 9.1e10)),
        ReadBandwidth(2, 1 << 20, Interval(1e11, 9e10, 2e11)),
    ),
    matmul=(MatmulRate("float32", 2, Interval(2e11, 1.9e11, 2.1e11)),),
    gemv=(GemvRate("float32", 2, 512**2, Interval(1e10, 9e9, 2e10)),),
    operation_ns=Interval(900.5, 890.0, 910.0),
    drift=0.02,
)
GPU = replace(CPU, device="cuda:0", launch_ns=Interval(3e3, 2e3, 4e3), copy_bytes_per_s=Interval(2e12, 1e12, 3e12))
BUSY = replace(CPU, measured_utc=(NOW + timedelta(days=2)).isoformat(), load=MachineLoad(others_cpus=0.7, stolen=0.0))


def test_what_is_stored_comes_back_whole(tmp_path):
    assert load_ceilings("machine", "cpu", tmp_path) is None
    store_ceilings(CPU, tmp_path)
    assert load_ceilings("machine", "cpu", tmp_path) == CPU
    assert load_ceilings("machine", "cuda:0", tmp_path) is None
    assert load_ceilings("other", "cpu", tmp_path) is None


def test_devices_are_kept_beside_each_other_and_a_new_measurement_replaces_the_old(tmp_path):
    later = replace(CPU, measured_utc=(NOW + timedelta(days=1)).isoformat(), matmul=())
    for ceilings in (CPU, GPU, later):
        store_ceilings(ceilings, tmp_path)
    assert load_all_ceilings("machine", tmp_path) == {"cpu": later, "cuda:0": GPU}


def test_ceilings_grow_old_after_thirty_days():
    assert not CPU.is_old(NOW + timedelta(days=30))
    assert CPU.is_old(NOW + timedelta(days=31))
    assert CPU.age_days(NOW + timedelta(days=3)) == pytest.approx(3)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schema_version": 1}',
        '{"schema_version": 1, "devices": {"cpu": {"read": 3}}}',
        json.dumps({"schema_version": 1, "devices": {}}).replace("{}", "[]"),
    ],
)
def test_a_damaged_file_says_what_to_do(tmp_path, content):
    store_ceilings(CPU, tmp_path).write_text(content)
    for act in (lambda: load_ceilings("machine", "cpu", tmp_path), lambda: store_ceilings(CPU, tmp_path)):
        with pytest.raises(RunFormatError, match="Delete it and measure the ceilings again"):
            act()


@pytest.mark.parametrize("time", ["yesterday", "2030-01-31T00:00:00"])
def test_a_time_that_is_none_is_refused(tmp_path, time):
    store_ceilings(replace(CPU, measured_utc=time), tmp_path)
    with pytest.raises(RunFormatError, match=f"measured_utc is '{time}', expected an ISO 8601 time with its zone"):
        load_ceilings("machine", "cpu", tmp_path)


def test_a_newer_file_is_left_alone(tmp_path):
    path = store_ceilings(CPU, tmp_path)
    path.write_text(json.dumps({"schema_version": 99, "something": "else"}))
    for act in (lambda: load_ceilings("machine", "cpu", tmp_path), lambda: store_ceilings(CPU, tmp_path)):
        with pytest.raises(RunFormatError, match="version 99"):
            act()
    assert "something" in path.read_text()


@pytest.mark.parametrize("fingerprint", ["../../etc/passwd", "a/b", "", "x" * 5000, "a\x00b"])
def test_a_fingerprint_that_is_no_word_names_no_file(tmp_path, fingerprint):
    assert machine_file(KIND, fingerprint, tmp_path) is None
    assert load_ceilings(fingerprint, "cpu", tmp_path) is None


def test_of_the_run_and_of_the_store_the_newest_count(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    environment = {"fingerprint": "machine"}
    later = replace(CPU, measured_utc=(NOW + timedelta(days=1)).isoformat())
    recorded = replace(RECORD, environment=environment, ceilings=(CPU, GPU))

    assert ceilings_of(recorded, "cpu") == CPU
    assert ceilings_of(recorded, "cuda:1") is None
    file = store_ceilings(later)
    assert ceilings_of(recorded, "cpu") == later
    assert ceilings_of(replace(recorded, environment={"fingerprint": "other"}), "cpu") == CPU

    assert ceilings_to_show(recorded, "cpu") == CPU  # by which the run's own figures were made
    unrecorded = replace(recorded, ceilings=())
    assert ceilings_to_show(unrecorded, "cpu") == later

    file.write_text("[]")
    assert ceilings_to_show(unrecorded, "cpu") is None
    with pytest.raises(RunFormatError):
        ceilings_of(recorded, "cpu")


def test_those_of_a_busy_machine_replace_no_calm_ones_unless_forced(tmp_path):
    assert store_ceilings(BUSY, tmp_path) is not None
    assert load_ceilings("machine", "cpu", tmp_path) == BUSY
    assert store_ceilings(CPU, tmp_path) is not None
    assert store_ceilings(BUSY, tmp_path) is None
    assert load_ceilings("machine", "cpu", tmp_path) == CPU
    assert store_ceilings(BUSY, tmp_path, force=True) is not None
    assert load_ceilings("machine", "cpu", tmp_path) == BUSY


def test_calm_ones_count_more_than_newer_ones_of_a_busy_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    recorded = replace(RECORD, environment={"fingerprint": "machine"}, ceilings=(CPU,))
    store_ceilings(BUSY)

    assert ceilings_of(recorded, "cpu") == CPU
    assert ceilings_of(replace(recorded, ceilings=()), "cpu") == BUSY


def test_a_file_without_products_of_one_row_is_readable(tmp_path):
    path = store_ceilings(CPU, tmp_path)
    stored = json.loads(path.read_text())
    del stored["devices"]["cpu"]["gemv"]
    path.write_text(json.dumps(stored))
    assert load_ceilings("machine", "cpu", tmp_path) == replace(CPU, gemv=())


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (1, Interval(10.0, 9.0, 11.0)),
        (100, Interval(10.0, 9.0, 11.0)),
        (101, Interval(15.0, 9.0, 22.0)),
        (399, Interval(15.0, 9.0, 22.0)),
        (400, Interval(20.0, 18.0, 22.0)),
        (401, Interval(20.0, 18.0, 22.0)),
    ],
)
def test_the_rate_of_a_size_lies_between_those_around_it(parameters, expected):
    sizes = ((100, Interval(10.0, 9.0, 11.0)), (400, Interval(20.0, 18.0, 22.0)))
    known = replace(CPU, gemv=tuple(GemvRate("float32", 2, size, rate) for size, rate in sizes))
    assert known.gemv_rate("float32", 2, parameters) == expected
    assert known.gemv_rate("float32", 1, parameters) is known.gemv_rate("float16", 2, parameters) is None
