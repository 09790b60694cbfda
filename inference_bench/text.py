"""Text for people."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def one_line(text: str) -> str:
    """Replace by spaces what would break a line, a table or a terminal: control codes, escapes, bidirectional marks."""
    return " ".join("".join(c if c.isprintable() else " " for c in _COLOURS.sub("", text)).split())
