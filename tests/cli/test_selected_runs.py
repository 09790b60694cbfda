"""Commands that read runs find them by name, and take the newest without one."""

from __future__ import annotations

import json
import os

import pytest

from inference_bench.cli import main
from inference_bench.results.run_folder import locked
from tests.results.test_selectors import write, write_ab


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "benchmark_results", 0, label="before")
    write(tmp_path / "benchmark_results", 1, label="after")
    return tmp_path / "benchmark_results"


def newest(folder):
    return max(path.name for path in folder.iterdir())


@pytest.mark.parametrize("words", [["report"], ["check"], ["report", "after"], ["report", "--format", "markdown"]])
def test_the_newest_run_is_the_default(folder, words, capsys):
    assert main(words) == 0
    assert newest(folder) in capsys.readouterr().out


def test_another_folder_is_named_by_an_option_or_a_variable(folder, tmp_path, capsys, monkeypatch):
    run = write(tmp_path / "mine", 5)
    assert main(["report", "--results", str(tmp_path / "mine")]) == 0
    assert run.name in capsys.readouterr().out
    monkeypatch.setenv("INFERENCE_BENCH_OUTPUT", str(tmp_path / "mine"))
    assert main(["check", "latest"]) == 0
    assert run.name in capsys.readouterr().out


def test_query_takes_the_newest_run_or_all_of_a_folder(folder, capsys):
    sql = "SELECT DISTINCT label FROM summaries ORDER BY label"
    assert main(["query", sql, "--format", "json"]) == 0
    told = capsys.readouterr()
    assert [row["label"] for row in json.loads(told.out)] == ["after"]
    assert "of the newest run; `query SQL benchmark_results` covers all runs" in told.err
    assert main(["query", sql, "benchmark_results", "--format", "json"]) == 0
    assert [row["label"] for row in json.loads(capsys.readouterr().out)] == ["after", "before"]


def test_sides_found_by_name_bear_their_ids(folder, capsys):
    assert main(["compare", "latest~1", "after"]) == 0
    out = capsys.readouterr().out
    first, second = sorted(path.name for path in folder.iterdir())
    assert f"latest~1 ({first})" in " ".join(out.split())
    assert f"after ({second})" in " ".join(out.split())


def test_the_newest_of_ab_is_compared_and_not_reported(folder, capsys):
    ab, _ = write_ab(folder, 5)
    assert main(["compare", "latest"]) == 0
    assert "B against A" in capsys.readouterr().out
    assert main(["report"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{ab.name} holds the 2 runs of one command" in told
    assert "`compare latest` compares them" in told


def test_one_side_is_not_enough(folder, capsys):
    assert main(["compare", "after"]) == 2
    assert "one side only (after): expected two or more" in capsys.readouterr().err


def test_history_takes_all_runs(folder, capsys):
    assert main(["report", "--history"]) == 0
    assert "2 runs" in capsys.readouterr().out


def test_a_run_in_progress_is_told_by_each_command(folder, capsys):
    run = write(folder, 9, finished=False)
    with locked(run):
        assert main(["report"]) == 0
        assert "This run is in progress: 1 of 1 case." in capsys.readouterr().out
        for words in (["check"], ["query", "SELECT 1"], ["compare", "before", "latest"]):
            main(words)
            assert (
                f"warning: benchmark_results{os.sep}{run.name} is in progress: 1 of 1 case." in capsys.readouterr().err
            )
    assert main(["report"]) == 0
    assert "This run is unfinished" in capsys.readouterr().out
