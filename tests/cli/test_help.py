"""The help: what it says of arguments and defaults, the first page of commands with many options, and who asks how."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys

import pytest

from inference_bench.cli import main
from inference_bench.cli._command import Command, command_names, load_command, summary_of
from inference_bench.cli._help import default_text
from inference_bench.cli._parser import Parser
from inference_bench.cli._summaries import summaries

LONG = [name for name in command_names() if load_command(name).common]


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def shown(capsys, *words: str) -> str:
    assert main(list(words)) == 0
    found = capsys.readouterr()
    assert found.err == ""
    return found.out


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_help_names_every_command_and_the_exit_codes(capsys, words):
    text = shown(capsys, *words)

    assert [name for name in command_names() if f"\n  {name} " not in text] == []
    assert "exit codes:" in text


@pytest.mark.parametrize("name", command_names())
def test_the_help_of_a_command_teaches(capsys, name):
    text = shown(capsys, name, "--help")

    assert text.startswith(f"usage: python -m inference_bench {name} [options]")
    first, _ = load_command(name).examples[0]
    assert f" {name} {first}".rstrip() in text.partition("examples:")[2]


@pytest.mark.parametrize("name", command_names())
def test_every_example_in_the_help_can_be_read(name):
    known = load_command(name)

    for arguments, _ in known.examples:
        Parser(known).said(shlex.split(arguments.partition(" > ")[0]))


def test_run_shows_its_defaults(capsys):
    text = shown(capsys, "run", "--help-all")

    for default in (
        "smollm2_135m_instruct",
        "inference_speed, memory_usage; of several engines agreement as well",
        "cpu",
        "float32",
        "auto",
        "full",
        "3 to 5; with --all: 1",
        "4; with --all: 1",
        "0.05",
        "console",
    ):
        assert f"(default: {default})" in " ".join(text.split()), default


def test_all_ways_to_ask_for_the_help_of_a_command_show_the_same(capsys):
    texts = {shown(capsys, *words) for words in (["help", "run"], ["-h", "run"], ["--help", "run"], ["run", "-h"])}

    assert len(texts) == 1
    assert shown(capsys, "help", "run", "--help-all") == shown(capsys, "run", "--help-all")


def test_help_about_an_unknown_command_is_refused(capsys):
    assert main(["help", "rnu"]) == 2
    assert "unknown command 'rnu': did you mean 'run'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", LONG)
def test_the_first_page_is_one_screen(capsys, name):
    lines = shown(capsys, name, "--help").splitlines()

    assert len(lines) <= 24
    assert [line for line in lines if len(line) > 80 and not line.endswith(".")] == []
    assert f"`python -m inference_bench {name} --help-all`" in lines[-1]


@pytest.mark.parametrize("name", LONG)
def test_the_other_page_has_every_option(capsys, name):
    text = shown(capsys, name, "--help-all")

    options = Parser(load_command(name)).option_names
    assert [option for option in options if f"{option}" not in text] == []
    assert len(text.splitlines()) > 60


@pytest.mark.parametrize("name", command_names())
def test_defaults_and_repetition_can_be_read(capsys, name):
    text = shown(capsys, name, "--help-all")

    for unreadable in ("(default: )", "(default: ()", "(default: [", ".0)", "(default: None", "%%", " …] ["):
        assert unreadable not in text


@pytest.mark.parametrize("name", command_names())
def test_paragraphs_are_as_wide_as_the_terminal(capsys, name):
    text, _, _ = shown(capsys, name, "--help-all").partition("examples:")

    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("compare", ["compare [options] BASELINE RUN [RUN ...]", "compare [options] [RUN ...] --by AXIS"]),
        ("report", ["report [options] [RUN ...]"]),
        ("query", ["query [options] SQL [RUN ...]"]),
        ("check", ["check [options] [RUN]"]),
        ("ab", ["ab [options] A B [C ...]"]),
        ("new", ["new [options] KIND NAME"]),
    ],
)
def test_the_usage_shows_what_is_optional_and_what_repeats(capsys, name, lines):
    usage, _, _ = shown(capsys, name, "--help").partition("\n\n")

    assert [line.partition("inference_bench ")[2] for line in usage.splitlines()] == lines


@pytest.mark.parametrize(
    ("default", "text"),
    [(None, ""), (False, ""), ("", ""), ((), ""), ([], ""), (3600.0, "3600"), (("a", "b"), "a,b"), ("2%", "2%%")],
)
def test_a_default_is_shown_as_it_would_be_typed(default, text):
    action = argparse.ArgumentParser().add_argument("--x", default=default)

    assert default_text(action) == text


class Loud(Command):
    """Have an option of each kind."""

    name = "loud"
    common = ("--level", "--flag")
    examples = (("--level 3", "louder"), (f"--level {'9' * 80}", "too wide for a first page"))

    def add_arguments(self, parser):
        """Declare them."""
        parser.add_argument("--level", metavar="N", default=1.0, help="loudness; of a long story only this")
        parser.add_argument("--flag", action="store_true", help="a flag (default: depends on much)")

    def run(self, args):
        """Do nothing."""
        return 0


def test_a_first_page_has_the_first_clause_of_each_help_and_the_examples_that_fit():
    lines = Parser(Loud()).first_page().splitlines()

    assert "  --level N  loudness (default: 1)" in lines
    assert "  --flag     a flag (default: depends on much)" in lines
    assert "  loud --level 3  louder" in lines
    assert "9999" not in "".join(lines)


def test_summaries_are_those_of_the_commands_and_no_command_is_imported_for_them():
    assert dict(summaries()) == {name: summary_of(load_command(name)) for name in command_names()}

    code = "import sys; from inference_bench.cli._summaries import summaries; list(summaries()); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {f"inference_bench.cli.{name}" for name in command_names()} & set(done.stdout.split())
