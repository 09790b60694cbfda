"""The parser of a command's arguments."""

from __future__ import annotations

import argparse
import inspect
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import inference_bench
from inference_bench.cli._command import command_names, load_command, program
from inference_bench.cli._help import HelpFormatter, examples_text, first_page, usage_of
from inference_bench.errors import InferenceBenchError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.cli._command import Command

_UNSAID = object()
_OPTION = re.compile(r"(--?[A-Za-z][\w.-]*)(=.*)?", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Parses a command's arguments; an error is a ``UsageError`` of one line.

    Attributes:
        command: whose arguments.
        settable: the options of the command itself, which may also be given by a file or a variable.
    """

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"{program()} {command.name}",
            description=inspect.getdoc(command),
            epilog=examples_text(command),
            formatter_class=HelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.command = command
        command.add_arguments(self)
        self.settable = self.options
        common = self.add_argument_group("common")
        common.add_argument("-h", "--help", action=_Help, help="show this help, of many options those used most")
        common.add_argument("--help-all", action=_HelpAll, help="show the help with all options")
        common.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an error")
        version = f"inference_bench {inference_bench.__version__}"
        common.add_argument("-V", "--version", action="version", version=version, help="show the version")
        self.usage = usage_of(command, self._get_positional_actions())

    @property
    def exclusive(self) -> list[set[str]]:
        """The destinations of each group of options that exclude each other."""
        return [{action.dest for action in group._group_actions} for group in self._mutually_exclusive_groups]

    @property
    def options(self) -> list[argparse.Action]:
        """The options, in the order of the help."""
        return self._get_optional_actions()

    @property
    def option_names(self) -> list[str]:
        """All spellings of all options: ``-o``, ``--output`` …"""
        return list(self._option_string_actions)

    def said(self, words: Sequence[str]) -> dict[str, Any]:
        """Return destination → value of what the words after a command say, without defaults.

        Raises:
            UsageError: an unknown option, or one without its value.
        """
        if unknown := self.unknown_options(words):
            raise UsageError(f"{unknown} See `{self.prog} --help`.")
        blank = argparse.Namespace(**{action.dest: _unsaid(action) for action in self._actions})
        own = set(vars(blank))
        parsed, rest = self.parse_known_args(words, blank)
        if rest:
            self.error(self._stray(rest[0]))
        found = vars(parsed)
        return {
            name: value for name, value in found.items() if name in own and value is not _UNSAID and value is not None
        }

    def placeholders(self) -> list[str]:
        """Return a word for each argument that must be given, so that the options alone can be read."""
        return ["_" for action in self._get_positional_actions() if action.required]

    def defaults(self) -> argparse.Namespace:
        """Return the values of all options if none is given."""
        return self.parse_args(self.placeholders())

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, which would bury the message."""
        raise UsageError(f"{message}. See `{self.prog} --help`.")

    def first_page(self) -> str:
        """Return the help for a first look: one screen."""
        return first_page(self.command, self.options, self.usage or "") if self.command.common else self.format_help()

    def unknown_options(self, words: Sequence[str]) -> str:
        """Return what to do about options that this command does not know; empty if it knows them all.

        Asked before argparse, which would report an error that only follows from a misspelt option.
        """
        by_advice: dict[str, list[str]] = {}
        for option in _options_in(words):
            if option not in self._option_string_actions and (advice := self._advice(option)):
                by_advice.setdefault(advice, []).append(repr(option))
        count = sum(map(len, by_advice.values()))
        advices = " ".join(f"{', '.join(options)}: {advice}" for advice, options in by_advice.items())
        return f"unknown option{'s' * (count > 1)} {advices}" if advices else ""

    def understood(self, words: Sequence[str]) -> int:
        """Return how many options this command has, or has an equivalent of."""
        from inference_bench.cli._foreign_names import answer

        names = self.option_names
        return sum(option in names or bool(answer(option, self.command.name, names)) for option in _options_in(words))

    def _stray(self, word: str) -> str:
        """Return what is wrong with the first word that no argument takes."""
        if word.startswith("-"):
            return f"unknown option {word!r}: there is no such option"
        model = f"; a model is named by `--model {word}`" if "--model" in self.option_names and "=" not in word else ""
        takes = self._get_positional_actions()
        expected = "no more words than " + " ".join(str(of.metavar) for of in takes) if takes else "options only"
        return f"unexpected word {word!r}: expected {expected}{model}"

    def _advice(self, option: str) -> str:
        """Return what to do about an unknown option; empty if it may be several short ones, which argparse knows."""
        from inference_bench.cli._foreign_names import answer

        advice = answer(option, self.command.name, self.option_names)
        if not advice and option.startswith("--"):
            names = [name.lstrip("-") for name in self.option_names if name.startswith("--")]
            close = nearest(option.lstrip("-").replace("_", "-"), names)
            advice = f"did you mean '--{close}'?" if close else _elsewhere(option)
        return advice


def _options_in(words: Sequence[str]) -> list[str]:
    """Return the options among the words before ``--``, each once."""
    options = words[: words.index("--")] if "--" in words else words
    return list(dict.fromkeys(match[1] for word in options if (match := _OPTION.fullmatch(word))))


def _unsaid(action: argparse.Action) -> object:
    """Return the mark of an option that is not given; one that collects values starts with None."""
    return None if isinstance(action, argparse._AppendAction) else _UNSAID


class _Help(argparse.Action):
    """Print a help page and end."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the first page."""
        assert isinstance(parser, Parser)
        print(parser.first_page(), end="")
        parser.exit()


class _HelpAll(_Help):
    """Print the page with all options and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it."""
        parser.print_help()
        parser.exit()


def _elsewhere(option: str) -> str:
    """Return which commands have an option that is unknown here."""
    names = sorted(_commands_with(option))
    return f"an option of {', '.join(f'`{name}`' for name in names)}." if names else "there is no such option."


def _commands_with(option: str) -> Iterator[str]:
    for name in command_names():
        with suppress(InferenceBenchError):  # a broken command has no options
            if option in Parser(load_command(name)).option_names:
                yield name
