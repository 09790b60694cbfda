"""Text for people: one safe line."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def one_line(text: str) -> str:
    """Return text with control codes, escapes and bidirectional marks, which break a table, replaced by spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in _COLOURS.sub("", text)).split())
