"""Options of other tools: each is answered by options that exist here, and what is far suggests nothing."""

from __future__ import annotations

import shlex

import pytest

from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
from inference_bench.cli import main
from inference_bench.cli._command import load_command
from inference_bench.cli._foreign_names import FOREIGN_NAMES, ForeignName, options_of
from inference_bench.cli._parser import Parser
from inference_bench.errors import UnknownNameError

WITH_TARGET = [name for name in FOREIGN_NAMES if name.here]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("name", WITH_TARGET, ids=lambda name: name.options[0])
def test_what_says_the_same_exists(name: ForeignName) -> None:
    command, *words = shlex.split(name.here)
    parser = Parser(load_command(command))

    assert set(options_of(name)) <= set(parser.option_names)
    if {"N", "SOURCE"}.isdisjoint(words):
        parser.said(words)
    for axis in (word.partition("=")[0] for word in words if "=" in word and "-a" in words and word[0].islower()):
        if "--benchmark" in words:
            benchmark = load_benchmark(find_benchmarks()[words[words.index("--benchmark") + 1]])
            assert axis in {of.name for of in benchmark.axes}


def test_each_spelling_is_answered_once_and_is_no_option_of_run() -> None:
    spellings = [option for name in FOREIGN_NAMES for option in name.options]
    run = Parser(load_command("run")).option_names

    assert len(set(spellings)) == len(spellings)
    assert set(spellings) & set(run) <= {"--tag"}  # which other commands do not have
    assert [option for option in spellings if "_" in option] == []


@pytest.mark.parametrize(
    ("words", "here"),
    [
        ("run --tasks hellaswag", "`--benchmark accuracy -a task=NAME`"),
        ("run --limit=10", "`--benchmark accuracy -a items=N`"),
        ("run --batch-size 8", "`--benchmark batch_processing -a batch_size=N`"),
        ("run --batch_size 8", "`--benchmark batch_processing -a batch_size=N`"),
        ("run --csv", "`--format csv`"),
        ("run --cpu", "`--device cpu`"),
        ("run -p 512", "`--input-lengths N`"),
        ("run -ngl 99", "`--device cuda`"),
        ("noise --rigorous", "`--thorough`"),
        ("report --tag a=b", "`run --tag KEY=VALUE`"),
        ("report --tasks x", "`run --benchmark accuracy -a task=NAME`"),
        ("run --num-fewshot 5", "part of a task's prompts"),
    ],
)
def test_a_foreign_option_is_answered_by_the_one_here(capsys, words, here):
    assert here in refusal(capsys, *words.split())


@pytest.mark.parametrize(
    "option", ["--csv", "--cpu", "--tag", "--tasks", "--batch-size", "--export-markdown", "--nonsense", "--xyz"]
)
def test_nothing_is_guessed_for_what_is_far(capsys, option):
    assert "did you mean" not in refusal(capsys, "check", option)


@pytest.mark.parametrize(
    ("words", "near"),
    [("run --modle x", "--model"), ("run --input_lengths 8", "--input-lengths"), ("report --formt x", "--format")],
)
def test_what_is_near_is_guessed(capsys, words, near):
    assert f"did you mean '{near}'?" in refusal(capsys, *words.split())


def test_an_option_of_another_command_is_found_there(capsys):
    assert "an option of `ab`, `noise`, `overlap`, `run`." in refusal(capsys, "report", "--dtype", "float16")


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("gpu", ["cpu", "cuda"], "cuda"),
        ("fp16", ["float16", "float32"], "float16"),
        ("table", ["console", "csv"], "console"),
        ("gpu", ["cpu"], "cpu"),  # a word of others that is no name here is a misspelling like any other
    ],
)
def test_a_value_by_its_name_elsewhere(given, known, meant):
    assert f"did you mean {meant!r}?" in str(UnknownNameError("name", given, known))
