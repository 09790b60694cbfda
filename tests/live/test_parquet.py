"""Run folders of live generations, read back by ``report`` and the results package."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from inference_bench.live.host import describe_host
from inference_bench.live.parquet import ParquetExporter
from inference_bench.results.run import load_run
from inference_bench.spec import Setup


def test_live_generations_are_a_run_that_report_reads(profiler, generate, tmp_path):
    with ParquetExporter(profiler, tmp_path, "tiny", interval_s=60):
        for _ in range(10):
            generate("tiny")

    (folder,) = tmp_path.iterdir()
    run = load_run(folder)
    (result,) = run.results
    table = run.samples(result).to_pandas()
    assert table["metric"].value_counts().to_dict() == {"ttft": 10, "itl": 40, "tpot": 10, "e2e": 10}
    for _, rows in table.groupby("iteration"):
        value = rows.groupby("metric", observed=True)["value"].sum()
        assert value["ttft"] + value["itl"] == value["e2e"]
    assert {summary.metric: summary.n for summary in result.summaries}["itl"] == 40
    command = [sys.executable, "-m", "inference_bench", "report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "TTFT" in done.stdout


def test_old_folders_are_rotated_out(profiler, generate, tmp_path):
    exporter = ParquetExporter(profiler, tmp_path, "tiny", interval_s=60, keep=2)
    profiler.add_listener(exporter._take)
    for _ in range(4):
        generate("tiny")
        profiler.collect()
        exporter._export()

    assert len(list(tmp_path.iterdir())) == 2
    exporter._export()  # nothing happened since
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_counted(profiler, generate, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with ParquetExporter(profiler, blocked, "tiny", interval_s=60):
        generate("tiny")

    assert profiler.counter("export_failures", exporter="parquet").value == 1
    assert len(caplog.records) == 1


def test_a_folder_names_its_machine_and_claims_no_stopping_rule(profiler, generate, tmp_path):
    with ParquetExporter(profiler, tmp_path, "tiny", interval_s=60):
        generate("tiny")

    (folder,) = tmp_path.iterdir()
    run = load_run(folder)
    environment = run.record.environment
    assert environment["fingerprint"]
    provenance = run.record.provenance
    assert provenance.host == platform.node()
    assert provenance.argv[-1] == sys.orig_argv[-1]
    if (Path.cwd() / ".git").exists():
        head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        assert provenance.code.commit == head.stdout.strip()
    assert environment["cpu"]["affinity"] == sorted(os.sched_getaffinity(0))
    assert environment["python"]["version"] == platform.python_version()
    assert environment["packages"]["numpy"] == version("numpy")
    (result,) = run.results
    assert {summary.n for summary in result.summaries if summary.metric != "itl"} == {1}
    for summary in result.summaries:
        assert not summary.converged
        assert summary.stop_reason == "live traffic has no stopping rule"
    command = [sys.executable, "-m", "inference_bench", "report", str(folder), "--format", "markdown"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "✓" not in shown
    assert "as the server loaded them" in shown
    assert "asked for: auto" not in shown


def test_the_setup_that_the_server_names_is_shown(profiler, generate, tmp_path):
    with ParquetExporter(profiler, tmp_path, "tiny", interval_s=60, setup=Setup(weights="hub")):
        generate("tiny")

    (folder,) = tmp_path.iterdir()
    (result,) = load_run(folder).results
    assert result.model["weights"]["label"] == "asked for: hub"


def test_a_machine_that_tells_nothing_is_absent_not_wrong(tmp_path):
    found = describe_host(tmp_path)

    assert found["memory"] == found["load"] == {}
    assert "governor" not in found["cpu"]


def test_folders_of_earlier_processes_count_and_those_of_others_stay(profiler, generate, tmp_path):
    for model, keep in (("other", 9), ("tiny", 9), ("tiny", 9), ("tiny", 2)):
        with ParquetExporter(profiler, tmp_path, model, interval_s=60, keep=keep):
            generate(model)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "run.json").write_text("[]")
    with ParquetExporter(profiler, tmp_path, "tiny", interval_s=60, keep=2):
        generate("tiny")

    models = [json.loads(path.read_bytes()) for path in tmp_path.glob("2*/run.json")]
    assert sorted(one["spec"]["models"][0] for one in models) == ["other", "tiny", "tiny"]
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("step", ["begin", "write", "finish"])
def test_an_interval_that_cannot_be_written_leaves_no_folder(profiler, generate, tmp_path, monkeypatch, step):
    class Full:
        def __getattr__(self, name):
            def call(*_):
                if name == step:
                    raise OSError(28, "No space left on device")

            return call

    monkeypatch.setattr("inference_bench.live.parquet.open_sinks", lambda folder: Full())
    exporter = ParquetExporter(profiler, tmp_path, "tiny", interval_s=60)
    profiler.add_listener(exporter._take)
    for _ in range(3):
        generate("tiny")
        profiler.collect()
        exporter._export()

    assert list(tmp_path.iterdir()) == []
    assert profiler.counter("export_failures", exporter="parquet").value == 3


def test_a_forked_child_does_not_finish_the_generations_of_its_parent(profiler, tmp_path):
    exporter = ParquetExporter(profiler, tmp_path, "tiny", interval_s=60)
    exporter._open[1] = object()  # type: ignore[assignment]
    pid = os.fork()
    if pid == 0:
        exporter.export([])
        os._exit(len(exporter._open))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(exporter._open) == 1
