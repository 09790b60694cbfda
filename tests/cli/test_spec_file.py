"""``run --spec``: a file says the same as the command line, which comes before it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from inference_bench.cli import main
from inference_bench.cli._command import Command
from inference_bench.cli._option_sources import read_options
from inference_bench.cli._parser import Parser
from inference_bench.cli._request import spec_of
from inference_bench.cli.ab import AbCommand
from inference_bench.cli.noise import NoiseCommand
from inference_bench.cli.run import RunCommand
from inference_bench.errors import UsageError
from inference_bench.spec import Spec

FILE = """
models = ["null", "smollm2_135m_instruct"]
benchmarks = ["inference_speed"]
models_dirs = ["more, models"]
weights = "random"
scale = "reduced"
seed = 7
runs = 2
output = "elsewhere"
format = "json"

[axes]
dtype = ["float32", "bfloat16"]
threads = 1
input_length = [8, 16]
new_tokens = 4

[limits]
precision = 0.1
budget = 0.5
min_samples = 3
warmup = 0
"""
SAME_WORDS = (
    *("--model", "null,smollm2_135m_instruct", "--benchmark", "inference_speed", "--models-dir", "more, models"),
    *("--weights", "random", "--scale", "reduced", "--seed", "7", "--runs", "2", "-o", "elsewhere"),
    *("--format", "json", "-a", "dtype=float32,bfloat16", "-a", "threads=1", "-a", "input_length=8,16"),
    *("-a", "new_tokens=4", "--precision", "0.1", "--budget", "0.5", "--min-samples", "3", "--warmup", "0"),
)


def read(*words: str) -> argparse.Namespace:
    command = RunCommand()
    command.name = "run"  # type: ignore[misc]
    return read_options(Parser(command), words)


def asked(*words: str) -> Spec:
    return spec_of(read(*words))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "spec.toml"
    path.write_text(FILE)
    return str(path)


def test_a_file_says_what_the_command_line_says(file: str) -> None:
    differing = {"spec": None, "told": None}
    assert vars(read("--spec", file)) | differing == vars(read(*SAME_WORDS)) | differing
    assert asked("--spec", file) == asked(*SAME_WORDS)


@pytest.mark.parametrize(("command", "words"), [(AbCommand(), ("seed=1", "seed=2")), (NoiseCommand(), ())])
def test_commands_with_the_options_of_run_read_a_file_too(
    tmp_path: Path, command: Command, words: tuple[str, ...]
) -> None:
    path = tmp_path / "spec.toml"
    path.write_text("seed = 7\nruns = 3\n")

    args = read_options(Parser(command), [*words, "--spec", str(path), "--runs", "5"])

    assert (args.seed, args.runs, args.overlap, args.lookahead) == (7, 5, "off", 0)
    assert getattr(args, "variants", []) == list(words)


def test_an_empty_file_leaves_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()

    assert asked("--spec", str(tmp_path / "empty.toml")) == asked()


def test_the_command_line_comes_before_the_file(file: str) -> None:
    spec = asked("--spec", file, "--runs", "5", "--seed", "0", "--model", "null", "--budget", "25")

    assert (spec.runs, spec.models, spec.setups[0].seed) == (5, ("null",), 0)
    assert spec.limits.budget_ns == 25 * 10**9
    assert spec.limits.min_samples == 3


def test_a_suite_comes_before_the_files_benchmarks(file: str) -> None:
    spec = asked("--spec", file, "--suite", "performance")

    assert (spec.suite, spec.benchmarks) == ("performance", ())


def test_all_comes_before_the_files_models(file: str, tmp_path: Path) -> None:
    assert read("--spec", file, "--all").model is None
    (tmp_path / "all.toml").write_text("all = true")
    told = read("--spec", str(tmp_path / "all.toml"), "--model", "null")
    assert (told.all, told.model) == (False, [("null",)])


@pytest.mark.parametrize(
    "words",
    [("--input-lengths", "32", "--dtype", "float16"), ("-a", "input_length=32", "-a", "dtype=float16")],
    ids=["options", "axes"],
)
def test_an_axis_comes_before_the_files(file: str, words: tuple[str, ...]) -> None:
    spec = asked("--spec", file, *words)

    assert spec.axes == {"input_length": (32,), "new_tokens": (4,)}
    assert [(setup.dtype, setup.threads) for setup in spec.setups] == [("float16", 1)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("model = 'null'", ["unknown key of", "'model'", "did you mean 'models'"]),
        ("[axis]\ndtype = 'float32'", ["'axis'", "did you mean 'axes'"]),
        ("[limits]\nbudgets = 3", ["'budgets'", "did you mean 'budget'"]),
        ("axes = 3", ["axes of", "[axes]"]),
        ("runs = \n", ["readable TOML", "line 1"]),
        ("runs = 0", ["spec file", "runs", "at least 1"]),
        ("runs = true", ["runs of", "True"]),
        ("all = 1", ["all of", "true or false"]),
        ("models = ['null, other']", ["models of", "one value an entry"]),
        ("models = [['null']]", ["models of", "text, a number"]),
        ("[axes]\ninput_length = []", ["input_length"]),
        ("all = true\nmodels = ['null']", ["spec file", "not allowed with"]),
        ("effort = 'slow'", ["effort of", "'slow'", "quick or thorough"]),
        ("[limits]\nbudget = nan", ["budget", "more than zero"]),
    ],
)
def test_what_a_file_cannot_mean_is_refused_and_the_file_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(UsageError) as caught:
        asked("--spec", str(path))
    message = str(caught.value)
    assert [part for part in [*parts, str(path)] if part not in message] == [], message


def test_a_file_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--spec", "nowhere.toml"]) == 2
    assert capsys.readouterr().err.startswith("error: spec file: got 'nowhere.toml'")


def test_what_the_command_line_says_wrong_is_not_blamed_on_the_file(file: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked("--spec", file, "--runs", "0")
    assert file not in str(caught.value)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "examples" / "specs").glob("*.toml")))
def test_the_examples_can_be_carried_out(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--spec", str(path), "--dry-run"]) == 0
    assert "nothing was measured" in capsys.readouterr().out
