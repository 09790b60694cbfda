"""The pages of the documentation, cut into fenced blocks and commands, for the tests that run them.

A comment that readers do not see, directly above a fence, says what a test does with the block:

- ``<!-- not run: REASON -->``: its commands or its code cannot run in a test
- ``<!-- output differs: REASON -->``: the commands run; what the page shows of their output is not compared
- ``<!-- refused: REASON -->``: the commands are refused with the lines that the page shows, which go to standard error

``<!-- hidden LANGUAGE`` … ``-->`` is a block of its own: preparation that a reader does not need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

_FENCE = re.compile(
    r"""
    (?:^<!--\ (?P<mark>not\ run|output\ differs|refused):\ (?P<reason>[^\n]+?)\ -->\n+)?
    (?:
        ^(?P<indent>\ *)(?P<ticks>`{3,})\ *(?P<language>[\w-]*)(?:\ +title="(?P<title>[^"]+)")?\ *\n
        (?P<text>.*?)^(?P=indent)(?P=ticks)\ *$
      | ^<!--\ hidden\ (?P<hidden_language>\w+)(?:\ title="(?P<hidden_title>[^"]+)")?\n(?P<hidden_text>.*?)^-->$
    )
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Command:
    """One command of a block, and what the page shows of its output."""

    text: str
    shown: str


@dataclass(frozen=True)
class Block:
    """A fenced block, or a hidden one."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    is_hidden: bool = False
    mark: str = ""
    reason: str = ""

    @property
    def place(self) -> str:
        """Where it is, as an editor opens it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> Iterator[Command]:
        """Yield the commands: each line of ``sh``, each line that begins with ``$`` of ``console``."""
        joined = self.text.replace("\\\n", " ")
        if self.language == "sh":
            yield from (Command(line, "") for line in joined.splitlines() if line.strip() and not line.startswith("#"))
        elif self.language == "console":
            for part in re.split(r"^\$ ", joined, flags=re.MULTILINE)[1:]:
                text, _, shown = part.partition("\n")
                yield Command(text, shown)


def pages() -> list[Path]:
    """Return every page that users read: at the root, in ``docs``, and beside the models, examples and benches."""
    patterns = ("*.md", "docs/**/*.md", "models/*/*.md", "examples/**/*.md", "bench/*.md")
    return sorted(page for pattern in patterns for page in ROOT.glob(pattern))


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        is_hidden = found["hidden_language"] is not None
        yield Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["hidden_language"] if is_hidden else found["language"],
            (found["hidden_title"] if is_hidden else found["title"]) or "",
            found["hidden_text"] if is_hidden else _without_indent(found["text"], found["indent"]),
            is_hidden,
            found["mark"] or "",
            found["reason"] or "",
        )


def _without_indent(text: str, indent: str) -> str:
    return re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
