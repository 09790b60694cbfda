from __future__ import annotations

import json

import pytest

from inference_bench import testing
from inference_bench.analysis.trust.case import judged
from inference_bench.errors import RunFormatError
from inference_bench.plan import Case
from inference_bench.result import SCHEMA_VERSION, BenchmarkResult, Estimate, Failure, RunRecord, Status, Summary
from inference_bench.results.run import load_run
from inference_bench.spec import Setup

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
    return testing.write_run(root, *results, record=record).folder


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path, RESULT)


def test_round_trip(folder):
    run = load_run(folder)

    assert run.record == RECORD
    assert run.results == (judged(RESULT, RECORD),)
    assert run.folder == folder


def test_round_trip_of_a_failure(tmp_path):
    failed = BenchmarkResult(RESULT.case, Status.CRASHED, failure=Failure("signal 11", "trace", "last words", -11))

    assert load_run(write_run(tmp_path, failed)).results == (judged(failed, RECORD),)


def test_a_case_without_samples_says_so(folder):
    run = load_run(folder)

    with pytest.raises(RunFormatError, match="has no samples"):
        run.samples(run.results[0])
    with pytest.raises(RunFormatError, match=f"no case 'other' on disk. Its cases: {RESULT.case.id}"):
        run.memory("other")


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
        (lambda _: b'{"schema_version": %d}' % SCHEMA_VERSION, "is missing, expected"),
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


@pytest.mark.parametrize("name", ["samples", "memory", "scores"])
@pytest.mark.parametrize("path", ["/etc/passwd", "../other/samples/x.parquet", "samples/../../x.parquet", "a\0b"])
def test_a_file_outside_of_the_folder_is_never_read(folder, name, path):
    document = json.loads((folder / "results.json").read_bytes())
    document["results"][0][name] = path
    (folder / "results.json").write_text(json.dumps(document))

    with pytest.raises(RunFormatError, match=rf"{name} is .*, expected a path inside of the folder"):
        load_run(folder)
