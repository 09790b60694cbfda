"""``ab``, ``noise`` and ``overlap`` take options of ``run``: their help lists none that they refuse."""

from __future__ import annotations

import re

import pytest

from inference_bench.cli._command import Command
from inference_bench.cli._option_sources import read_options
from inference_bench.cli._parser import Parser
from inference_bench.cli._request import spec_of
from inference_bench.cli.ab import AbCommand
from inference_bench.cli.noise import NoiseCommand
from inference_bench.cli.overlap import OverlapCommand
from inference_bench.reports._render import check_format

COMMANDS: list[tuple[type[Command], tuple[str, ...]]] = [
    (AbCommand, ("dtype=float32", "dtype=bfloat16")),
    (NoiseCommand, ()),
    (OverlapCommand, ()),
]
OF_RUN_ALONE = ("--isolation", "--resume", "--retry-failed", "--force", "--ab")


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=lambda of: getattr(of, "__name__", ""))
def test_the_formats_of_the_help_are_those_that_are_accepted(command, words):
    named = re.search(r"--format NAME ([\w, ]+)", re.sub(r"\s+", " ", Parser(command()).format_help()))[1]
    formats = re.findall(r"\w+", named.partition("(")[0].replace(" or ", " "))

    assert formats == ["console", "markdown", "github", "html", "json"]
    for name in formats:
        check_format(name, "json")


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=lambda of: getattr(of, "__name__", ""))
def test_options_that_mean_nothing_here_are_not_listed(command, words):
    options = Parser(command())._option_string_actions

    assert not [name for name in OF_RUN_ALONE if name in options]
    assert ("--dry-run" in options) == (command is AbCommand)
    assert ("--overlap" in options) == (command is OverlapCommand)


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=lambda of: getattr(of, "__name__", ""))
@pytest.mark.parametrize("given", [(), ("--quick",), ("--thorough",), ("--runs", "7"), ("--precision", "0.01")])
def test_their_efforts_make_a_request(command, words, given):
    args = read_options(Parser(command()), [*words, "--model", "null", *given])

    spec = spec_of(args)
    assert spec.isolation == "process"
    assert spec.runs == 7 or "--runs" not in given
