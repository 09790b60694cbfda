"""The contract of a command, and the parser of its arguments."""

from __future__ import annotations

import argparse
import inspect
import sys
from abc import ABC, abstractmethod
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from inference_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


INTERRUPTED = 130
"""Exit code: 128 + the number of SIGINT, as a shell reports it."""


class Command(ABC):
    """A command. The docstring of a subclass is its help; its first line is the summary.

    Class attributes:
        name: file name, set when it is found.
        examples: (arguments, what they do), shown below the help.
    """

    name: ClassVar[str] = ""
    examples: ClassVar[tuple[tuple[str, str], ...]] = ()

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def read(self, parser: Parser, words: Sequence[str]) -> argparse.Namespace:
        """Return the parsed words after the command; a command that also reads options from a file overrides this."""
        return parser.parse(words)

    @abstractmethod
    def run(self, args: argparse.Namespace) -> int:
        """Carry out the command and return the exit code."""


def program() -> str:
    """Return how this program was called, for usage texts."""
    name = Path(sys.argv[0]).name
    return name if name.startswith("inference") else "python -m inference_bench"


def summary_of(thing: object) -> str:
    """Return the first line of a plugin's docstring, without its full stop."""
    return (inspect.getdoc(thing) or "").partition("\n")[0].rstrip(".").replace("``", "")


class Parser(argparse.ArgumentParser):
    """Parses a command's arguments; an error is a ``UsageError`` of one line."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"{program()} {command.name}",
            description=inspect.getdoc(command),
            epilog=_examples(command),
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        command.add_arguments(self)
        common = self.add_argument_group("common")
        common.add_argument("-h", "--help", action="help", help="show this help")
        common.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an error")
        self.usage = " ".join([self.prog, "[options]", *self._positionals_usage()])

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the parsed words after the command.

        Raises:
            UsageError: an unknown option, or one without its value.
        """
        self._refuse_unknown_options(words)
        return self.parse_args(words)

    def placeholders(self) -> list[str]:
        """Return a word for each argument that must be given, so that the options alone can be read."""
        return ["_" for action in self._get_positional_actions() if action.required]

    def defaults(self) -> argparse.Namespace:
        """Return the values of all options if none is given."""
        return self.parse_args(self.placeholders())

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, which would bury the message."""
        raise UsageError(f"{message}. See `{self.prog} --help`.")

    def _positionals_usage(self) -> list[str]:
        names = [(action, str(action.metavar)) for action in self._get_positional_actions()]
        shown = {"?": "[{0}]", "*": "[{0} ...]", "+": "{0} [{0} ...]"}
        return [shown.get(str(action.nargs), "{0}").format(name) for action, name in names]

    def _refuse_unknown_options(self, words: Sequence[str]) -> None:
        """Report a misspelt option before argparse reports an error that only follows from it."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for word in words:
            option = word.partition("=")[0]
            if word == "--":
                return
            if option.startswith("--") and option not in known:
                close = get_close_matches(option, known, n=1, cutoff=0.5)
                guess = f"did you mean {close[0]!r}? " if close else ""
                raise UsageError(f"unknown option {option!r}: {guess}See `{self.prog} --help`.")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the text as written and adds defaults, except those that mean "not given"."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        silent = action.default in (None, False, [], (), argparse.SUPPRESS) or "default" in (action.help or "")
        return action.help if silent or not action.option_strings else f"{action.help} (default: %(default)s)"


def _examples(command: Command) -> str:
    return "examples:" + "".join(
        f"\n  # {what}\n  {program()} {command.name} {arguments}".rstrip() for arguments, what in command.examples
    )
