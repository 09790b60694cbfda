"""A command line that does not begin with a command is answered by the line that was meant."""

from __future__ import annotations

import shlex

import pytest

from inference_bench.cli import main
from inference_bench.cli._command import command_names, load_command
from inference_bench.cli._foreign_commands import FOREIGN_COMMANDS, ForeignCommand
from inference_bench.cli._parser import Parser


@pytest.fixture(autouse=True)
def program(monkeypatch):
    monkeypatch.setattr("sys.argv", ["inference-bench"])


def refusal(capsys: pytest.CaptureFixture[str], words: str) -> str:
    assert main(shlex.split(words)) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--model ./own --quick", "run --model ./own --quick"),
        ("--endpoint http://127.0.0.1:8000/v1", "run --endpoint http://127.0.0.1:8000/v1"),
        ("-s 'x = 1' 'x + 1'", "time -s 'x = 1' 'x + 1'"),
        ("-n 1000 -r 5 'sum(range(9))'", "time -n 1000 -r 5 'sum(range(9))'"),
        ("--warmup 3 'sh -c true' 'sh -c :'", "time --warmup 3 --command 'sh -c true' --command 'sh -c :'"),
    ],
)
def test_options_without_a_command_get_the_command_that_reads_them(capsys, given, meant):
    assert f"such as `inference-bench {meant}`." in refusal(capsys, given)


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ("-m x.gguf -p 512 -n 128", ["run`, which", "`--model FILE.gguf`", "`--input-lengths N`", "`--new-tokens N`"]),
        ("--model hf --tasks arc --limit 10", ["run`, which", "`--benchmark accuracy -a task=NAME`", "-a items=N"]),
        ("--rigorous -s 'x = 1' x", ["time`, which", "`--precision 0.005 --max-runs 40`"]),
    ],
)
def test_options_of_other_tools_without_a_command_are_answered_at_once(capsys, given, answers):
    told = refusal(capsys, given)
    assert [answer for answer in answers if answer not in told] == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("./own", "run --model ./own"),
        ("own.gguf", "run --model own.gguf"),
        ("owner/name@main --quick", "run --model owner/name@main --quick"),
        ("http://127.0.0.1:8000/v1", "run --endpoint http://127.0.0.1:8000/v1"),
        ("'sh -c true'", "time --command 'sh -c true'"),
        ("sh -c true", "time --command 'sh -c true'"),
    ],
)
def test_a_place_or_program_in_place_of_a_command(capsys, given, meant):
    assert f"did you mean `inference-bench {meant}`?" in refusal(capsys, given)


def test_a_folder_is_a_model(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    assert "did you mean `inference-bench run --model own`?" in refusal(capsys, "own")


@pytest.mark.parametrize("given", ["nonsense", "rnu", "'an open \"quote'", "''"])
def test_any_other_word_lists_the_commands(capsys, given):
    assert "Known: ab, advise, ceilings, check, compare" in refusal(capsys, given)


@pytest.mark.parametrize("entry", FOREIGN_COMMANDS, ids=lambda entry: entry.names[0])
def test_a_command_of_another_tool_is_answered_by_one_that_exists(capsys, entry: ForeignCommand):
    for name in entry.names:
        told = refusal(capsys, f"{name} more")
        assert entry.here in told
        assert entry.note in told
    if entry.here:
        command, *words = shlex.split(entry.here)
        assert {word for word in words if word.startswith("-")} <= set(Parser(load_command(command)).option_names)


def test_each_spelling_is_one_command_that_is_not_ours():
    spellings = [name for entry in FOREIGN_COMMANDS for name in entry.names]

    assert len(set(spellings)) == len(spellings)
    assert set(spellings).isdisjoint(command_names())
    assert [name for name in spellings if "_" in name] == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("time 'sh -c true'", "time --command 'sh -c true'"),
        ("time sh own.sh", "time --command 'sh own.sh'"),
        ("time --warmup 3 'sh -c true'", "time --command 'sh -c true'"),
        ("time -N 'sh -c true' 'sh -c :'", "time --command 'sh -c true' --command 'sh -c :'"),
    ],
)
def test_a_command_in_place_of_code(capsys, given, meant):
    assert f"`{meant}`" in refusal(capsys, given)
