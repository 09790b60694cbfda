"""The help of a command: a first page of one screen for a command with many options, and the page with all of them."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from typing import TYPE_CHECKING

from inference_bench.cli._columns import aligned
from inference_bench.cli._command import program, summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference_bench.cli._command import Command

_FIRST_EXAMPLES = 5
"""Examples of the first page, which is to fit into 24 lines."""
_DETAIL = re.compile(r"; | \(default")
_DEFAULT = re.compile(r" \(default: [^;)]+")
_INDENTED = re.compile(r"^ +", re.MULTILINE)


class HelpFormatter(argparse.HelpFormatter):
    """Wraps paragraphs, leaves indented ones as they are, and shows defaults that say something."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = (
            part if _INDENTED.search(part) else textwrap.fill(part, width, break_on_hyphens=False)
            for part in text.split("\n\n")
        )
        return textwrap.indent("\n\n".join(parts), indent)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, shown = action.help or "", default_text(action)
        return f"{text} (default: {shown})" if shown and action.option_strings and "default" not in text else text


def default_text(action: argparse.Action) -> str:
    """Return the default value of an option as it would be typed; empty if it is "not given"."""
    value = action.default
    if value is None or isinstance(value, bool) or value == argparse.SUPPRESS:
        return ""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("%", "%%")


def first_page(command: Command, options: Sequence[argparse.Action], usage: str) -> str:
    """Return the page that shows the options most used, one line each, and the first examples.

    Args:
        command: whose page it is.
        options: all of its options.
        usage: its usage line.
    """
    by_name = {name: action for action in options for name in action.option_strings}
    width = shutil.get_terminal_size().columns
    lines = [f"usage: {usage}", "", f"{summary_of(command)}.", "", "options used most:"]
    lines += _option_lines([by_name[name] for name in command.common], width)
    lines += ["", "examples:", *_example_lines(command, width), ""]
    lines.append(f"All {len(options)} options: `{program()} {command.name} --help-all`.")
    return "\n".join(lines) + "\n"


def _option_lines(options: Sequence[argparse.Action], width: int) -> Iterator[str]:
    """Yield one line per option: its name, the first clause of its help, and its default if there is room."""
    names = [of.option_strings[-1] + f" {of.metavar}" * (of.nargs != 0) for of in options]
    room = width - max(map(len, names)) - len("    ")
    return aligned([(name, _brief(of, room)) for name, of in zip(names, options, strict=True)], "  ")


def _brief(option: argparse.Action, room: int) -> str:
    text = (option.help or "").replace("%%", "%")
    default, own = _DEFAULT.search(text), default_text(option)
    shown = f"{default.group()})" if default else f" (default: {own})" * bool(own)
    brief = _DETAIL.split(text)[0]
    return brief + shown if len(brief + shown) <= room else brief


def _example_lines(command: Command, width: int) -> Iterator[str]:
    """Yield the first examples, one line each; those that are too wide stand on the page with all options."""
    shown: list[tuple[str, str]] = []
    for words, what in command.examples:
        tried = [*shown, (f"{command.name} {words}".rstrip(), what)]
        if len(tried) <= _FIRST_EXAMPLES and max(map(len, aligned(tried, "  "))) <= width:
            shown = tried
    return aligned(shown, "  ")


def examples_text(command: Command) -> str:
    """Return the examples of the full page."""
    return "examples:" + "".join(_example(command, *example) for example in command.examples)


def _example(command: Command, words: str, what: str) -> str:
    return f"\n  # {what}\n  {program()} {command.name} {words}".rstrip()


def usage_of(command: Command, positionals: Sequence[argparse.Action]) -> str:
    """Return the usage, which shows what is optional and what may be repeated; several ways stand below each other."""
    start = f"{program()} {command.name}"
    ways = command.usage or (" ".join(["[options]", *map(_positional, positionals)]),)
    return f"\n{'':7}".join(f"{start} {way}" for way in ways)


def _positional(action: argparse.Action) -> str:
    shown = {"?": "[{0}]", "*": "[{0} ...]", "+": "{0} [{0} ...]"}
    return shown.get(str(action.nargs), "{0}").format(action.metavar)
