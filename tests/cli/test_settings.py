"""Options from pyproject.toml and from variables: what they say, which of them counts, and what is refused where."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.cli._all_settings import VARIABLES
from inference_bench.cli._command import load_command
from inference_bench.cli._option_sources import read_options
from inference_bench.cli._parser import Parser
from inference_bench.cli._request import spec_of
from inference_bench.errors import UsageError
from inference_bench.results.run import load_run

RUN = "[tool.inference_bench.run]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder below one whose pyproject.toml a test writes."""
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


def read(command: str, *words: str) -> argparse.Namespace:
    return read_options(Parser(load_command(command)), words)


def test_the_nearest_file_with_the_table_counts(folder):
    write(folder, f"{RUN}seed = 7\n")
    (folder / "below" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")

    assert read("run").seed == 7


def test_an_option_may_be_text_a_number_a_list_a_flag_or_a_table(folder):
    write(
        folder,
        f"""{RUN}
        model = ["null", "smollm2_135m_instruct"]
        models_dir = ["a, b", "c"]
        dtype = ["float32", "bfloat16"]
        input-lengths = 8
        budget = 0.5
        quiet = true
        dry_run = false
        tag = {{pull = 123}}
        axis = {{passages = [1, 2], items = "3"}}
        """,
    )
    args = read("run")

    assert args.model == [("null", "smollm2_135m_instruct")] or args.model == [("null",), ("smollm2_135m_instruct",)]
    assert args.models_dir == [Path("a, b"), Path("c")]
    assert (args.dtype, args.input_lengths, args.budget) == (("float32", "bfloat16"), (8,), 0.5)
    assert (args.quiet, args.dry_run) == (True, False)
    assert args.tag == [("pull", "123")]
    assert args.axis == [("passages", (1, 2)), ("items", (3,))]


def test_the_order_is_file_variable_spec_command_line(folder, monkeypatch):
    write(
        folder,
        "[tool.inference_bench]\nseed = 1\nruns = 1\nwarmup = 1\nbudget = 1\nmin_samples = 1\n" + RUN + "runs = 2\n",
    )
    monkeypatch.setenv("INFERENCE_BENCH_WARMUP", "3")
    monkeypatch.setenv("INFERENCE_BENCH_BUDGET", "3")
    monkeypatch.setenv("INFERENCE_BENCH_MIN_SAMPLES", "3")
    monkeypatch.setenv("INFERENCE_BENCH_RUN_BUDGET", "4")
    (folder / "spec.toml").write_text("[limits]\nmin_samples = 5\nwarmup = 5\n")

    args = read("run", "--spec", str(folder / "spec.toml"), "--warmup", "6")

    assert (args.seed, args.runs, args.budget, args.min_samples, args.warmup) == (1, 2, 4, 5, 6)
    assert {of.option: of.place.rpartition("/")[2] for of in args.settings} == {
        "--seed": "pyproject.toml [tool.inference_bench] seed",
        "--runs": "pyproject.toml [tool.inference_bench.run] runs",
        "--budget": "INFERENCE_BENCH_RUN_BUDGET",
    }


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("model = 'null'", ["--all"], (True, None)),
        ("all = true", ["--model", "null"], (False, [("null",)])),
    ],
)
def test_an_option_replaces_one_that_excludes_it(folder, text, words, expected):
    write(folder, RUN + text)

    args = read("run", *words)

    assert (args.all, args.model) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("input_lengths = 64", ["-a", "input_length=8"]),
        ("axis = {input_length = 64}", ["--input-lengths", "8"]),
        ("axis = ['input_length=64']", ["-a", "input_length=8"]),
    ],
)
def test_an_axis_is_replaced_however_it_was_said(folder, text, words):
    write(folder, f"{RUN}model = 'null'\n{text}")

    assert spec_of(read("run", *words)).axes == {"input_length": (8,)}


@pytest.mark.parametrize(("value", "quiet"), [("1", True), ("yes", True), ("0", False), ("off", False), ("", True)])
def test_a_flag_as_a_variable(folder, monkeypatch, value, quiet):
    write(folder, f"{RUN}quiet = true")
    monkeypatch.setenv("INFERENCE_BENCH_QUIET", value)

    assert read("run").quiet is quiet


def test_runs_are_looked_for_where_they_are_written(folder, monkeypatch):
    write(folder, "[tool.inference_bench]\noutput = 'all'\n")

    assert (read("run").output, read("report").results) == (Path("all"), Path("all"))
    monkeypatch.setenv("INFERENCE_BENCH_OUTPUT", "other")
    assert (read("run").output, read("report").results) == (Path("other"), Path("other"))
    monkeypatch.setenv("INFERENCE_BENCH_REPORT_RESULTS", "own")
    assert (read("check").results, read("report").results) == (Path("other"), Path("own"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{RUN}dtpye = 'float32'", ["[tool.inference_bench.run]", "'dtpye'", "did you mean 'dtype'"]),
        ("[tool.inference_bench]\nouptut = 'x'", ["[tool.inference_bench]", "did you mean 'output'"]),
        ("[tool.inference_bench.rnu]\nruns = 1", ["'rnu'", "did you mean 'run'"]),
        ("[tool.inference-bench]\nruns = 1", ["did you mean 'tool.inference_bench'"]),
        (f"{RUN}runs = true", ["runs: got True", "text, a number"]),
        (f"{RUN}runs = 0", ["[tool.inference_bench.run] runs: runs: got '0'", "at least 1"]),
        (f"{RUN}quiet = 'yes'", ["quiet: got 'yes'", "true or false"]),
        (f"{RUN}dtype = ['float32,float16']", ["dtype", "one value an entry"]),
        (f"{RUN}output = ['a', 'b']", ["output", "text, a number"]),
        (f"{RUN}models_dir = 'a'\nmodels-dir = 'b'", ["models-dir", "the option again", "models_dir is the same"]),
        (f"{RUN}model = 'null'\nall = true", ["all", "together with", "[tool.inference_bench.run] model"]),
        (f"{RUN}runs =\n", ["a readable TOML file", "line 2"]),
        (f"{RUN}help = true", ["'help'"]),
        (
            f"{RUN}dtype = 'float99'",
            ["unknown dtype 'float99'", "The value is from", "[tool.inference_bench.run] dtype"],
        ),
        ("[tool.inference_bench]\ndevice = 'cuba'", ["unknown device 'cuba'", "The value is from"]),
    ],
)
def test_what_a_file_cannot_mean_is_one_line_that_names_file_and_key(folder, capsys, text, parts):
    path = write(folder, text)

    assert main(["run", "--dry-run"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert [part for part in [str(path), *parts] if part not in err] == [], err


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("INFERENCE_BENCH_RUNS", "0", ["INFERENCE_BENCH_RUNS: runs: got '0'"]),
        ("INFERENCE_BENCH_QUIET", "maybe", ["INFERENCE_BENCH_QUIET: got 'maybe'", "1, true, yes, on, 0"]),
        ("INFERENCE_BENCH_RUN_DTPYE", "float32", ["unknown variable", "did you mean 'INFERENCE_BENCH_RUN_DTYPE'"]),
        ("INFERENCE_BENCH_DTYPE", "float99", ["unknown dtype", "The value is from INFERENCE_BENCH_DTYPE."]),
        ("INFERENCE_BENCH_MODEL", "nul", ["unknown model 'nul'", "The value is from INFERENCE_BENCH_MODEL."]),
    ],
)
def test_what_a_variable_cannot_mean_is_one_line_that_names_it(folder, monkeypatch, capsys, name, value, parts):
    monkeypatch.setenv(name, value)

    assert main(["run", "--dry-run"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert [part for part in parts if part not in err] == [], err


def test_what_the_command_line_says_wrong_is_not_blamed_on_a_setting(folder, capsys):
    write(folder, f"{RUN}dtype = 'float16'")

    assert main(["run", "--dry-run", "--dtype", "float99"]) == 2
    assert "The value is from" not in capsys.readouterr().err


def test_a_setting_that_has_no_meaning_for_a_request_is_passed_over(folder):
    write(folder, f"{RUN}margin = 0.05\n")

    assert main(["run", "--dry-run", "--model", "null"]) == 0
    assert main(["run", "--dry-run", "--model", "null", "--margin", "0.05"]) == 2


def test_options_of_other_commands_are_passed_over(folder):
    write(folder, "[tool.inference_bench]\ndtype = 'bfloat16'\n[tool.inference_bench.watch]\nnonsense = 1\n")

    with pytest.raises(UsageError, match="nonsense"):
        read("watch", "1")
    assert read("check").at_least == "D"


def test_env_shows_every_setting_with_its_place(folder, monkeypatch, capsys):
    path = write(
        folder, f"[tool.inference_bench]\noutput = 'all'\n{RUN}seed = 3\n[tool.inference_bench.watch]\ntoken = 'abc'"
    )
    monkeypatch.setenv("INFERENCE_BENCH_CACHE", "/cache")
    monkeypatch.setenv("INFERENCE_BENCH_RUSN", "5")
    monkeypatch.setenv("INFERENCE_BENCH_AB_RUNS", "5")

    assert main(["env", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    rows = {(row["setting"], row["commands"]): (row["value"], row["from"]) for row in data["settings"]}
    assert rows["--seed", "run"] == ("3", f"{path} [tool.inference_bench.run] seed")
    assert rows["--output", "ab, noise, overlap, run"] == ("all", f"{path} [tool.inference_bench] output")
    assert rows["--runs", "ab"] == ("5", "INFERENCE_BENCH_AB_RUNS")
    assert rows["--token", "watch"][0] == "(set)"
    assert rows[VARIABLES["INFERENCE_BENCH_CACHE"], "all"] == ("/cache", "INFERENCE_BENCH_CACHE")
    assert any("INFERENCE_BENCH_RUSN is not read" in warning for warning in data["warnings"])

    assert main(["env"]) == 0
    assert f"{path} [tool.inference_bench.run] seed" in capsys.readouterr().out


def test_a_run_stores_the_settings_that_it_was_made_of(folder, monkeypatch, capsys):
    write(folder, f"{RUN}benchmark = 'inference_speed'\nseed = 3\naxis = {{input_length = 8, new_tokens = 2}}")
    monkeypatch.setenv("INFERENCE_BENCH_BUDGET", "0.1")

    assert (
        main(["run", "--model", "null", "--quick", "--quiet", "--json", "--seed", "4", "-o", str(folder / "runs")]) == 0
    )
    (run,) = (folder / "runs").iterdir()

    stored = load_run(run).record.provenance.settings
    assert stored == ("--benchmark=inference_speed", "--axis=input_length=8", "--axis=new_tokens=2", "--budget=0.1")


def test_without_settings_nothing_is_parsed(folder, monkeypatch):
    write(folder, "[project]\nname = 'x'\n")
    monkeypatch.setitem(sys.modules, "inference_bench.cli._toml", None)  # importing it would raise

    assert read("run").settings == ()
