"""``completion``: what makes a shell complete commands, options and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_bench.cli._command import Command
from inference_bench.cli._completion import SCRIPTS, candidates
from inference_bench.errors import UnknownNameError

if TYPE_CHECKING:
    import argparse

_CANDIDATES = "candidates"
"""In place of a shell: what the scripts ask when the tabulator key is pressed."""


class CompletionCommand(Command):
    """Print a script with which a shell completes commands, options, models, benchmarks and runs.

    The script asks this program at each press of the tabulator key, so it needs no renewal after an upgrade. It
    completes `inference-bench`, not `python -m inference_bench`, which the shell takes for Python.
    """

    usage = ("[options] SHELL",)
    examples = (
        ("bash > ~/.local/share/bash-completion/completions/inference-bench", "for bash, from the next shell on"),
        ("zsh > ~/.zfunc/_inference-bench", "for zsh, in a folder of $fpath"),
        ("fish > ~/.config/fish/completions/inference-bench.fish", "for fish"),
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the shell, and the words that are to be completed."""
        parser.add_argument("shell", metavar="SHELL", help=", ".join(SCRIPTS))
        parser.add_argument(
            "words", metavar="WORD", nargs="*", help=f"with {_CANDIDATES}: after -- the words after the program"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Print the script, or one candidate per line."""
        if args.shell == _CANDIDATES:
            print("\n".join(candidates(args.words or [""])))
            return 0
        if args.shell not in SCRIPTS:
            raise UnknownNameError("shell", args.shell, SCRIPTS)
        print(SCRIPTS[args.shell], end="")
        return 0
