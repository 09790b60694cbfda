"""What to type instead, where a command line does not begin with a command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from inference_bench.cli._command import command_names, load_command, program
from inference_bench.cli._command_lines import as_commands, is_command_line
from inference_bench.cli._foreign_commands import foreign_command
from inference_bench.cli._parser import Parser
from inference_bench.errors import InferenceBenchError, UnknownNameError, UsageError, nearest
from inference_bench.model.places import is_endpoint, is_like_a_path
from inference_bench.model.weights.references import hub_reference

_FIRST = ("run", "time")
"""Commands that a line without one most likely means, the likelier first."""


def without_command(words: Sequence[str]) -> UsageError:
    """Return the refusal of a line whose first word is an option: the same line with the command that reads it."""
    parser = _best_reader(words)
    unknown = parser.unknown_options(words)
    line = shlex.join([parser.command.name, *([] if unknown else _with_command_options(parser, words))])
    told = f"option {words[0]!r} without a command: expected a command first, such as `{program()} {line}`"
    return UsageError(f"{told}, which answers: {unknown}" if unknown else f"{told}.")


def _with_command_options(parser: Parser, words: Sequence[str]) -> list[str]:
    """Return the words, of ``time`` with ``--command`` before each that is a command line."""
    if parser.command.name != "time" or not _reads(parser, words):
        return list(words)
    commands = {word for word in parser.said(words).get("code", ()) if is_command_line(word)}
    return [part for word in words for part in (["--command", word] if word in commands else [word])]


def unknown_command(words: Sequence[str], error: UnknownNameError) -> UsageError:
    """Return the refusal of a line whose first word is no command.

    Args:
        words: the line.
        error: that lists the commands.
    """
    given = words[0]
    there = foreign_command(words)
    if there is not None:
        here = f"here it is `{program()} {there.here}`. " if there.here else ""
        return UsageError(f"unknown command {given!r}: a command of {there.tools}; {here}{there.note}".rstrip())
    meant = "" if nearest(given, command_names()) else _line_for(words)
    return UsageError(f"unknown command {given!r}: did you mean `{program()} {meant}`?") if meant else error


def _line_for(words: Sequence[str]) -> str:
    """Return the line that measures the model, server or program that the first word is; empty if it is none."""
    given = words[0]
    if is_endpoint(given):
        return shlex.join(["run", "--endpoint", *words])
    if is_like_a_path(given) or hub_reference(given) or (given and Path(given).is_dir()):
        return shlex.join(["run", "--model", *words])
    return as_commands(words) if is_command_line(given) else ""


def _best_reader(words: Sequence[str]) -> Parser:
    """Return the parser of the command that reads the words, else of the one that knows most of their options."""
    parsers = [Parser(load_command(name)) for name in _FIRST]
    reader = next((parser for parser in parsers if _reads(parser, words)), None)
    return reader or max(parsers, key=lambda parser: parser.understood(words))


def _reads(parser: Parser, words: Sequence[str]) -> bool:
    try:
        parser.said(words)
    except InferenceBenchError:
        return False
    return True
