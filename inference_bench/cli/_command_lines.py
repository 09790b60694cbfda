"""Command lines given where Python code is expected, as users of hyperfine type them."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence


def is_command_line(given: str) -> bool:
    """Return whether a text begins with a program that a shell finds.

    >>> is_command_line("sh -c true"), is_command_line("sum(range(9))")
    (True, False)
    """
    try:
        first = shlex.split(given)[:1]
    except ValueError:  # an open quote
        return False
    return bool(first) and shutil.which(first[0]) is not None


def as_commands(words: Sequence[str]) -> str:
    """Return the call of ``time`` that times words as commands: each that has a space, else all of them as one.

    >>> as_commands(["sleep 1", "sleep 2"]), as_commands(["sleep", "1"])
    ("time --command 'sleep 1' --command 'sleep 2'", "time --command 'sleep 1'")
    """
    lines = words if " " in words[0] else [shlex.join(words)]
    return shlex.join(["time", *(part for line in lines for part in ("--command", line))])
