"""The contract of a command, and how commands are found."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from inference_bench.plugins import load_class, plugin_names

if TYPE_CHECKING:
    import argparse

_PACKAGE = "inference_bench.cli"

INTERRUPTED = 130
"""Exit code: 128 + the number of SIGINT, as a shell reports it."""


class Command(ABC):
    """A command. The docstring of a subclass is its help; its first line is the summary.

    Class attributes:
        name: file name, set when it is found.
        usage: words after the command, one entry per way to call it; empty: made of the arguments.
        examples: (arguments, what they do), shown below the help.
        common: names of the options that ``--help`` shows, if ``--help-all`` is to show the others; empty: all.
    """

    name: ClassVar[str] = ""
    usage: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[tuple[str, str], ...]] = ()
    common: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    @abstractmethod
    def run(self, args: argparse.Namespace) -> int:
        """Carry out the command and return the exit code."""


def command_names() -> list[str]:
    """Return the names of all commands."""
    return plugin_names(_PACKAGE)


def load_command(name: str) -> Command:
    """Return a command.

    Raises:
        UnknownNameError: there is no such command.
        PluginError: its file cannot be used.
    """
    return load_class("command", _PACKAGE, name, Command)()  # type: ignore[type-abstract]


def program() -> str:
    """Return how this program was called, for usage texts."""
    name = Path(sys.argv[0]).name
    return name if name.startswith("inference") else "python -m inference_bench"


def summary_of(thing: object) -> str:
    """Return the first line of a plugin's docstring, without its full stop."""
    return plain_summary(inspect.getdoc(thing) or "")


def plain_summary(docstring: str) -> str:
    """Return the first line of a docstring, without its full stop."""
    return docstring.partition("\n")[0].rstrip(".").replace("``", "")
