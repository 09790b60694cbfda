"""Sinks of experiment trackers: what they write is read back by the trackers' own packages.

The packages are found in this environment, or in the folder that ``TRACKERS_PATH`` names; without them the tests of
real stores are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.errors import SinkError
from inference_bench.grade import Grade
from inference_bench.plan import Case
from inference_bench.provenance.record import CodeState, Provenance
from inference_bench.result import BenchmarkResult, Estimate, Failure, RunRecord, Status
from inference_bench.results.run_folder import create_run_folder
from inference_bench.results.sink import Sinks, check_sinks, open_sinks
from inference_bench.results.tracked_case import tracked_case
from inference_bench.results.tracker import Tracker
from inference_bench.spec import Setup
from tests.stored_run import RESULT

HIDDEN = ("sesame-argv", "sesame-setting", "sesame-host", "hf_sesamesesamesesame", "sesame-password")
MARKS = Provenance(
    CodeState("0123456789abcdef0123456789abcdef01234567", changed_files=2),
    argv=("run", HIDDEN[0]),
    settings=(f"--note={HIDDEN[1]}",),
    host=HIDDEN[2],
    label="nightly",
    note=f"see https://me:{HIDDEN[4]}@example.org",
    tags={"token": HIDDEN[3], "pull": "7"},
)
RECORD = RunRecord("20261123T201530Z-3fa9c1", "2026-11-23T20:15:30+00:00", {}, {}, provenance=MARKS)
CASE = Case("tiny", "inference_speed", Setup(threads=2, dtype="bfloat16"), {"input_length": 32, "odd: näme": "x"})
QUANTILES = {
    "p50": Estimate(5e6, 4.9e6, 5.2e6, "order statistics"),
    "p99": Estimate(6e6, 5.5e6, None, "order statistics", 368),
    "p99.9": Estimate(None, None, None, "", 3688),
}
TTFT = replace(RESULT.summaries[0], metric="ttft", phase="prefill", n=40, quantiles=QUANTILES, score=None)
ACCURACY = replace(TTFT, metric="accuracy", phase="sample_choice", quantiles={}, score=Estimate(0.5, 0.25, 0.75))
MEASURED = BenchmarkResult(CASE, Status.OK, (TTFT, ACCURACY), grade=Grade("B", (), 1))
CRASHED = BenchmarkResult(replace(CASE, model="huge"), Status.CRASHED, failure=Failure("killed by signal 11"))
EXPECTED = {
    "ttft_ns/prefill/n": 40,
    "ttft_ns/prefill/p50": 5e6,
    "ttft_ns/prefill/p50_low": 4.9e6,
    "ttft_ns/prefill/p50_high": 5.2e6,
    "ttft_ns/prefill/p99": 6e6,
    "ttft_ns/prefill/p99_low": 5.5e6,
    "accuracy/sample_choice/n": 40,
    "accuracy/sample_choice/score": 0.5,
    "accuracy/sample_choice/score_low": 0.25,
    "accuracy/sample_choice/score_high": 0.75,
}

WRITE = """
import sys
from pathlib import Path
from inference_bench.results.run import load_run
from inference_bench.results.sink import check_sinks, open_sinks

name, folder = sys.argv[1], Path(sys.argv[2])
check_sinks([name])
open_sinks(folder, [name]).finish(load_run(folder).record)
"""


def written(folder: Path) -> Path:
    """Write a run of two cases as every run is, and return its folder."""
    sink = open_sinks(folder)
    sink.begin(RECORD)
    for result in (MEASURED, CRASHED):
        sink.write(result, RECORD)
    sink.finish(RECORD)
    return folder


@pytest.fixture
def folder(tmp_path):
    return written(create_run_folder(tmp_path / "runs"))


def child(*words: str) -> subprocess.CompletedProcess[str]:
    unset = {name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_"))}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment["PYTHONPATH"] = os.pathsep.join([os.environ.get("TRACKERS_PATH", ""), *sys.path])
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment, check=False)


@cache
def is_installed(name: str) -> bool:
    wanted = ["mlflow", "sqlalchemy"] if name == "mlflow" else [name]
    code = f"from importlib.util import find_spec; print(all(map(find_spec, {wanted})))"
    return child("-c", code).stdout.strip() == "True"


@pytest.fixture(params=["mlflow", "wandb"])
def tracker(request):
    if not is_installed(request.param):
        pytest.skip(f"{request.param} is neither installed nor in the folder that TRACKERS_PATH names")
    return request.param


def runs_of(tracker: str, folder: Path) -> list[dict]:
    done = child(str(Path(__file__).parent / "trackers_read_back.py"), tracker, str(folder.parent))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# What is written


def test_a_case_has_figures_with_intervals_parameters_and_tags():
    case = tracked_case(MEASURED, RECORD)

    assert case.id == f"{RECORD.id}-{CASE.id}"
    assert case.metrics == EXPECTED
    assert case.parameters["model"] == "tiny"
    assert case.parameters["dtype"] == "bfloat16"
    assert case.parameters["axis_input_length"] == "32"
    assert case.tags["commit"] == MARKS.code.commit
    assert case.tags["run_id"] == RECORD.id
    assert case.tags["grade"] == "B"
    assert case.tags["tag_pull"] == "7"
    assert not case.has_failed


def test_nothing_secret_is_written():
    cases = [tracked_case(result, RECORD) for result in (MEASURED, CRASHED)]

    assert [word for word in HIDDEN if word in str(cases)] == []


def test_a_real_store_has_all_of_it(tracker, folder):
    done = child("-c", WRITE, tracker, str(folder))
    assert (done.returncode, done.stdout) == (0, "")

    found = {run["parameters"]["model"]: run for run in runs_of(tracker, folder)}

    run = found["tiny"]
    assert {name: run["metrics"].get(name) for name in EXPECTED} == EXPECTED
    assert run["name"] == CASE.slug
    assert run["parameters"]["threads"] == "2"
    assert run["tags"]["commit"] == MARKS.code.commit
    assert run["tags"]["grade"] == "B"
    assert not run["failed"]
    assert found["huge"]["failed"]
    assert found["huge"]["tags"]["failure"] == "killed by signal 11"


def test_a_real_store_holds_nothing_else(tracker, folder):
    child("-c", WRITE, tracker, str(folder))

    own = [path for path in folder.parent.rglob("*") if path.is_file() and folder not in path.parents]
    everything = b"".join(path.read_bytes() for path in own)
    assert b"bfloat16" in everything
    assert [word for word in HIDDEN if word.encode() in everything] == []


def test_a_run_that_is_written_again_is_the_same_run(tracker, folder):
    child("-c", WRITE, tracker, str(folder))
    child("-c", WRITE, tracker, str(folder))

    found = runs_of(tracker, folder)
    if tracker == "wandb":  # two files, which an upload joins by their id
        assert sorted(run["id"] for run in found) == sorted(
            2 * [tracked_case(r, RECORD).id for r in (MEASURED, CRASHED)]
        )
    else:
        assert len(found) == 2


# When it fails


class Broken(Tracker):
    name = "broken"

    def track(self, run, cases):
        raise ConnectionError("refused by https://me:secret@example.org\nsecond line")


class Working(Tracker):
    name = "working"

    def track(self, run, cases):
        (self.folder / "tracked").write_text(" ".join(case.name for case in cases))


def test_a_tracker_that_fails_says_how_to_go_on_and_keeps_no_other_from_its_work(folder):
    with pytest.raises(SinkError) as raised:
        Sinks(folder, [Broken(folder), Working(folder)]).finish(RECORD)

    message = str(raised.value)
    assert message.startswith("sink broken: ConnectionError: refused by https://(set)@example.org second line.")
    assert f"`run --resume {folder} --sink broken`" in message
    assert CASE.slug in (folder / "tracked").read_text()


def test_a_run_whose_tracker_fails_is_shown_and_ends_with_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("inference_bench.results.sinks.wandb.WandbSink.check", lambda: None)
    monkeypatch.setattr("inference_bench.results.sinks.wandb.WandbSink.track", Broken.track)
    words = [
        "run",
        "--model",
        "null",
        "--benchmark",
        "inference_speed",
        "--quick",
        "--budget",
        "0.1",
        "--sink",
        "wandb",
    ]

    code = main([*words, "-o", str(tmp_path)])

    shown = capsys.readouterr()
    assert code == 1
    assert "warning: sink wandb: ConnectionError" in shown.err
    assert "TTFT" in shown.out


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_measured(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("inference_bench.extras.find_spec", lambda _: None)

    assert main(["run", "--model", "null", "--sink", name, "-o", str(tmp_path / "runs")]) == 2

    err = capsys.readouterr().err
    assert err.startswith(f"error: sink {name} needs {name}, which is not installed: pip install ")
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_server_needs_no_database(monkeypatch):
    asked = []
    monkeypatch.setattr("inference_bench.extras.find_spec", lambda name: asked.append(name) or object())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")

    check_sinks(["mlflow"])

    assert asked == ["mlflow"]


def test_a_run_has_no_tracker_by_default(folder):
    assert [type(sink).__name__ for sink in open_sinks(folder).members] == [
        "CsvSink",
        "ParquetSink",
        "SummariesSink",
        "JsonSink",
    ]
    assert [type(sink).__name__ for sink in open_sinks(folder, also=["wandb", "csv"]).members][-1] == "WandbSink"
    assert len(open_sinks(folder, also=["wandb", "csv"]).members) == 5


def test_a_setting_names_a_sink(monkeypatch, capsys):
    monkeypatch.setenv("INFERENCE_BENCH_SINK", "wandbb")

    assert main(["run", "--model", "null", "--dry-run"]) == 2
    assert "did you mean 'wandb'?" in capsys.readouterr().err


def test_summaries_without_any_figure():
    empty = replace(TTFT, quantiles={"p50": Estimate(None, None, None)})

    assert tracked_case(replace(MEASURED, summaries=(empty,)), RECORD).metrics == {"ttft_ns/prefill/n": 40}
