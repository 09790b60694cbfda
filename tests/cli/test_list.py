"""What `list` shows of models, benchmarks and whatever else is found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import WIDTH, assert_refused, call


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", WIDTH)


def test_list_shows_every_kind():
    ended = call("list")

    assert (ended.code, ended.err) == (0, "")
    for word in ("models", "smollm2_135m_instruct", "benchmarks", "inference_speed", "ttft", "cuda", "parquet"):
        assert word in ended.out


@pytest.mark.parametrize("kind", ["models", "benchmarks", "suites", "metrics", "devices", "formats", "sinks"])
def test_list_tells_the_same_as_text_and_as_json(kind):
    text, data = call("list", kind), json.loads(call("list", kind, "--json").out)

    assert text.code == 0
    assert [line.split()[0] for line in text.out.splitlines()] == ["NAME", *(row["name"] for row in data[kind])]


def test_list_of_everything_as_json():
    data = json.loads(call("list", "--json").out)

    performance = next(suite for suite in data["suites"] if suite["name"] == "performance")
    assert {"inference_speed", "memory_usage"} <= set(performance["benchmarks"])
    assert all(rows for rows in data.values())


def test_the_benchmarks_of_a_model_are_listed_with_their_files(tmp_path):
    call("new", "model", "engine", "--bare", "--dir", str(tmp_path))
    where = ("--model", "engine", "--models-dir", str(tmp_path))
    for name in ("inference_speed", "answers"):
        kind = "unit" if name == "answers" else "performance"
        assert call("new", "benchmark", name, "--kind", kind, *where).code == 0

    rows = json.loads(call("list", "benchmarks", "--json", *where).out)["benchmarks"]
    files = {row["name"]: row["file"] and Path(row["file"]).name for row in rows}
    assert files.items() >= {"inference_speed": "benchmark_inference_speed.py", "memory_usage": None}.items()
    assert files["answers"] == "benchmark_answers.py"
    suites = {
        row["name"]: row["benchmarks"] for row in json.loads(call("list", "suites", "--json", *where).out)["suites"]
    }
    assert "answers" in suites["accuracy"]
    assert "answers" not in suites["performance"]
    assert "engine/benchmarks/unit/benchmark_answers.py" in call("list", "benchmarks", *where).out


def test_list_refuses_a_model_that_is_not_there():
    assert_refused(call("list", "benchmarks", "--model", "nul"), 2, "unknown model 'nul'", "did you mean 'null'")


def test_a_broken_model_is_a_row_with_file_and_line_and_the_others_stay(tmp_path):
    path = tmp_path / "broken" / "model.py"
    path.parent.mkdir()
    path.write_text("import inference_bench\nraise RuntimeError('worn out')\n")

    ended = call("list", "models", "--models-dir", str(tmp_path))

    assert ended.code == 1
    assert f"{path}:2: RuntimeError('worn out')" in ended.out
    assert "\nnull " in ended.out
    assert ended.err == ""
