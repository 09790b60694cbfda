"""Run folders of live generations, read back by ``report`` and the results package."""

from __future__ import annotations

import subprocess
import sys

from inference_bench.live.parquet import ParquetExporter
from inference_bench.results.run import load_run


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
