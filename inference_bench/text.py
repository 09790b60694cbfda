"""Text for people: one safe line."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def one_line(text: str) -> str:
    """Return text with control codes, escapes and bidirectional marks, which break a table, replaced by spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in _COLOURS.sub("", text)).split())


def spreadsheet_text(text: str) -> str:
    """Return text on one line for a CSV cell; an apostrophe keeps a spreadsheet from taking it for a formula.

    >>> spreadsheet_text("=1+1"), spreadsheet_text("tiny")
    ("'=1+1", 'tiny')
    """
    line = one_line(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line
