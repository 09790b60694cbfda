"""Options of other tools: each is answered by options that exist here, and what is far suggests nothing."""

from __future__ import annotations

import shlex

import pytest

from inference_bench.benchmark.discovery import find_benchmarks, load_benchmark
from inference_bench.cli import main
from inference_bench.cli._command import load_command
from inference_bench.cli._foreign_names import FOREIGN_NAMES, ForeignName, command_of, options_of
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


def test_each_spelling_is_answered_once_by_a_command_and_is_no_option_of_it() -> None:
    spellings = [(command_of(name), option) for name in FOREIGN_NAMES for option in name.options]
    own = {command: Parser(load_command(command)).option_names for command, _ in spellings if command}

    assert len(set(spellings)) == len(spellings)
    known = {option for command, option in spellings if option in own.get(command, ())}
    assert known <= {"--tag", "--baseline"}  # which other commands do not have
    assert [option for _, option in spellings if "_" in option] == []


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
        ("run --backend pytorch", "`new model NAME`"),
        ("run --rigorous", "`--thorough`"),
        ("time --rigorous 1", "`--precision 0.005 --max-runs 40`"),
        ("time -o x.json 1", "`--export json=FILE`"),
        ("check --rigorous", "`run --thorough`"),
        ("run --report_to wandb", "`--sink wandb`"),
    ],
)
def test_a_foreign_option_is_answered_by_the_one_here(capsys, words, here):
    assert here in refusal(capsys, *words.split())


def test_options_with_one_answer_share_it(capsys):
    told = refusal(capsys, "run", "--tensor-parallel-size", "2", "--enforce-eager", "--csv")
    assert "unknown options '--tensor-parallel-size', '--enforce-eager': an option of vllm bench;" in told
    assert "'--csv': an option of other tools" in told


@pytest.mark.parametrize("option", ["--delay", "--log-more", "--prio", "--ngram"])
def test_run_has_no_option_near_these(capsys, option):
    assert "there is no such option" in refusal(capsys, "run", option, "x")


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
    told = refusal(capsys, "report", "--dtype", "float16")
    assert "an option of `ab`, `ceilings`, `noise`, `overlap`, `run`." in told


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
