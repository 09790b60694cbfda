"""The content of a page before it is rendered: lines, tables and remarks made of cells with tones.

Texts come from plugins and crashed processes: control codes and line breaks are removed here, once, so that none
reaches a terminal or a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from inference_bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tone(Enum):
    """The meaning of a text; each renderer has its own style for it."""

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
NO_FIGURE = Cell("–", Tone.QUIET)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: its title.
        numeric: aligned to the right.
        spare: order of hiding on a narrow screen, highest number first; 0 is never hidden.
        figure: a row needs a figure in one of these columns; without one it is hidden with the column that has it.
    """

    heading: str
    numeric: bool = False
    spare: int = 0
    figure: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", one_line(self.heading))


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table.

    Attributes:
        title: what it shows.
        columns: from left to right.
        sections: groups of rows with a rule between them.
        cases: id of the case that each section shows, so that a chart can select it; empty if sections are no cases.
    """

    title: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[tuple[Cell, ...], ...], ...]
    cases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))

    def without(self, left_out: Iterable[int]) -> Table:
        """Return the table without the columns at these places, and without rows whose only figures were there.

        The first row of a section stays: it names the case.
        """
        keep = [place for place in range(len(self.columns)) if place not in set(left_out)]
        figures = [place for place in keep if self.columns[place].figure]
        return Table(
            self.title,
            tuple(self.columns[place] for place in keep),
            tuple(
                tuple(
                    tuple(row[place] for place in keep)
                    for number, row in enumerate(rows)
                    if not (number and figures) or any(row[place] != NO_FIGURE for place in figures)
                )
                for rows in self.sections
            ),
            self.cases,
        )


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page, such as one model in one set-up: heading, lines, and one table per benchmark."""

    heading: Cell
    lines: tuple[Cell, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Remarks:
    """A heading with sentences under it."""

    heading: str
    lines: tuple[Cell, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", one_line(self.heading))


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure that stands out.

    Attributes:
        label: what it is a figure of.
        figure: the figure with its unit.
        details: whose it is, its interval, its grade.
    """

    label: str
    figure: Cell
    details: tuple[Cell, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", one_line(self.label))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer that a page gives, before its evidence.

    Attributes:
        lines: sentences.
        tiles: the main figures; only HTML shows them, elsewhere the tables are close enough.
    """

    lines: tuple[Cell, ...]
    tiles: tuple[Tile, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Attributes:
        lines: what the page is about.
        blocks: the tables, case by case.
        remarks: what weakens the figures.
        legend: how to read the tables.
        verdict: the answer, or None if there is none.
        overview: models and set-ups side by side, or None if there is a single one.
    """

    lines: tuple[Cell, ...]
    blocks: tuple[Block, ...]
    remarks: tuple[Remarks, ...]
    legend: str
    verdict: Verdict | None = None
    overview: Block | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "legend", one_line(self.legend))
