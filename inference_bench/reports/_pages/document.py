"""What every report for people says, before it is given a look: lines, tables and remarks made of toned cells.

Names come from plugins and last words from crashed processes: every text is made harmless here, once, so that no
control code reaches a terminal and no line break tears a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from inference_bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tone(Enum):
    """How a piece of text wants to be read; each renderer has its own way of showing it."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text on one line."""

    text: str
    tone: Tone = Tone.PLAIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


EMPTY = Cell("")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: its title.
        numeric: aligned to the right.
        spare: left out first, highest number first, where the screen is too narrow; 0 is never left out.
    """

    heading: str
    numeric: bool = False
    spare: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", one_line(self.heading))


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; ``sections`` are groups of rows kept apart from each other."""

    title: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[tuple[Cell, ...], ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))

    def without(self, left_out: Iterable[int]) -> Table:
        """Return the table without the columns at these places."""
        keep = [place for place in range(len(self.columns)) if place not in set(left_out)]
        return Table(
            self.title,
            tuple(self.columns[place] for place in keep),
            tuple(tuple(tuple(row[place] for place in keep) for row in rows) for rows in self.sections),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One model in one setup: who it is, then a table per benchmark."""

    heading: Cell
    lines: tuple[Cell, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Remarks:
    """A heading with sentences under it."""

    heading: str
    lines: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    lines: tuple[Cell, ...]
    blocks: tuple[Block, ...]
    remarks: tuple[Remarks, ...]
    legend: str
