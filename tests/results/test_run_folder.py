from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_bench.errors import InferenceBenchError, InvalidValueError, RunFormatError
from inference_bench.plan import Case
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, Estimate, Failure, RunRecord, Status, Summary
from inference_bench.results.run_folder import create_run_folder, load_run, memory_file, samples_file, write_atomically
from inference_bench.results.serialization import plain, result_from_plain, result_to_plain
from inference_bench.results.sink import open_sinks
from inference_bench.spec import Setup
from inference_bench.text import one_line

NOON = datetime(2026, 11, 23, 20, 15, 30, tzinfo=UTC)

SUMMARY = Summary(
    metric="ttft",
    phase="prefill",
    n=40,
    runs=1,
    scope="run",
    level=0.95,
    cold=9e6,
    minimum=4e6,
    maximum=6e6,
    mean=5.1e6,
    quantiles={"p50": Estimate(5e6, 4.9e6, 5.2e6, "order statistics"), "p99": Estimate(None, None, None, "", 368)},
    autocorrelation=0.1,
    effective_n=40.0,
    outliers_mild=1,
    outliers_severe=0,
    converged=True,
    stop_reason="precise enough",
)
RESULT = BenchmarkResult(
    case=Case("tiny", "inference_speed", Setup(threads=2), {"input_length": 32}),
    status=Status.OK,
    summaries=(SUMMARY,),
    model={"title": "Tiny", "weights": {"source": "cache", "label": "trained", "trained": True}},
    workers=({"run": 0, "pid": 7},),
    notes=("a note",),
)
RECORD = RunRecord(
    id="20261123T201530Z-3fa9c1",
    created_utc="2026-11-23T20:15:30+00:00",
    spec={"models": ["tiny"]},
    environment={"cpu": {"model": "a processor"}},
    clock={"source": "tsc", "resolution_ns": 0.4},
    floor={"ttft": {"p50": 900.0}},
    cases=({"id": RESULT.case.id, "slug": RESULT.case.slug, "status": "ok"},),
    finished=True,
)


def write_run(root, *results, record=RECORD):
    folder = create_run_folder(root)
    sink = open_sinks(folder)
    sink.begin(replace(record, finished=False))
    for result in results:
        sink.write(result, replace(record, finished=False))
    sink.finish(record)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path, RESULT)


# Names


def test_name_is_utc_time_and_id(tmp_path):
    local = NOON.astimezone(timezone(timedelta(hours=5)))

    folder = create_run_folder(tmp_path / "new" / "root", now=local)

    stamp, _, identity = folder.name.partition("-")
    assert stamp == "20261123T201530Z"
    assert len(identity) == 6
    assert int(identity, 16) >= 0


def test_runs_of_the_same_second_do_not_collide(tmp_path, monkeypatch):
    tokens = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tokens))

    names = [create_run_folder(tmp_path, now=NOON).name for _ in range(2)]

    assert names == ["20261123T201530Z-aaaaaa", "20261123T201530Z-bbbbbb"]


@pytest.mark.parametrize("blocked", ["file", "file/below", "/proc/nowhere"])
def test_refuses_a_folder_that_cannot_be_written(tmp_path, blocked):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(
        InvalidValueError, match=r"output folder: got .*expected a folder that can be written.*--output"
    ):
        create_run_folder(tmp_path / blocked)


@given(st.text(min_size=1, max_size=400), st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=3))
def test_any_name_makes_a_file_name(model, parameters):
    case = Case(plain(model), "inference_speed", Setup(), {plain(k): plain(v) for k, v in parameters.items()})

    for path in (samples_file(case), memory_file(case)):
        name = path.split("/", 1)[1]
        assert name.isascii()
        assert name.endswith(f"{case.id}.parquet")
        assert len(name) < 150
        assert "/" not in name
        assert not name.startswith(".")


# Atomic writing


def test_a_kill_before_the_rename_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_is_a_clear_error_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InferenceBenchError, match=r"cannot write file .*No space left.*Free some space"):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_new_files_obey_the_umask(tmp_path):
    old = os.umask(0o022)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(old)

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


# Reading back


def test_round_trip(folder):
    run = load_run(folder)

    assert run.record == RECORD
    assert run.results == (RESULT,)
    assert run.folder == folder


def test_round_trip_of_a_failure(tmp_path):
    failed = BenchmarkResult(RESULT.case, Status.CRASHED, failure=Failure("signal 11", "trace", "last words", -11))

    assert load_run(write_run(tmp_path, failed)).results == (failed,)


def test_a_case_without_samples_says_so(folder):
    run = load_run(folder)

    with pytest.raises(RunFormatError, match="has no samples"):
        run.samples(run.results[0])
    with pytest.raises(RunFormatError, match=f"no case 'other' on disk. Its cases: {RESULT.case.id}"):
        run.memory("other")


def test_an_unknown_field_of_a_later_version_is_ignored():
    data = result_to_plain(RESULT)
    data["summaries"][0]["later"] = data["case"]["setup"]["later"] = 1

    assert result_from_plain(data) == RESULT


@pytest.mark.parametrize("path", ["nowhere", "empty"])
def test_not_a_run(tmp_path, path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(RunFormatError, match="expected"):
        load_run(tmp_path / path)


def test_a_parent_folder_lists_its_runs(tmp_path):
    names = [write_run(tmp_path).name for _ in range(2)]

    with pytest.raises(RunFormatError, match=r"holds 2 runs, expected one") as error:
        load_run(tmp_path)
    assert all(name in str(error.value) for name in names)


@pytest.mark.parametrize("name", ["run.json", "results.json"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "not whole JSON"),
        (lambda _: b"", "not whole JSON"),
        (lambda _: b"[]", "no schema_version"),
        (lambda _: b'{"schema_version": "x"}', "no schema_version"),
        (lambda _: b'{"schema_version": %d}' % SCHEMA_VERSION, "a field is missing"),
        (lambda _: b'{"schema_version": %d}' % (SCHEMA_VERSION + 1), r"reads up to \d+\. Upgrade"),
    ],
)
def test_a_damaged_file_is_named(folder, name, damage, message):
    (folder / name).write_bytes(damage((folder / name).read_bytes()))

    with pytest.raises(RunFormatError, match=message):
        load_run(folder)


def test_a_missing_results_file_is_named(folder):
    (folder / "results.json").unlink()

    with pytest.raises(RunFormatError, match=r"results\.json: No such file"):
        load_run(folder)


# Plain data


class Odd:
    def __str__(self):
        return "odd"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.int64(7), 7),
        (np.array([1, 2]), [1, 2]),
        (float("nan"), None),
        (float("inf"), None),
        (1 << 70, str(1 << 70)),
        ("lone surrogate \udcff", "lone surrogate ?"),
        ({1: Odd()}, {"1": "odd"}),
        (Status.OK, "ok"),
        (True, True),
    ],
)
def test_plain_takes_anything(value, expected):
    assert plain(value) == expected
    orjson.dumps(plain(value))


@given(st.text())
def test_one_line_is_harmless(text):
    assert one_line(text).isprintable()


def test_one_line_removes_terminal_escapes():
    assert one_line("a\x1b[31;1mred\x1b[0m\nb\u202ec") == "ared b c"
