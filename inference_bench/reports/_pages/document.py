"""The content of a page before it is rendered: lines, tables and remarks made of cells with tones.

Texts come from plugins and crashed processes: control codes and line breaks are removed here, once, so that none
reaches a terminal or a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from inference_bench.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


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
    """A piece of text on one line, and in a table further lines below it.

    Attributes:
        text: the first line.
        tone: of the first line.
        below: the lines below it.
    """

    text: str
    tone: Tone = Tone.PLAIN
    below: tuple[Cell, ...] = ()

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
        title: its title; empty if the block's heading is enough.
        columns: its columns.
        sections: groups of rows with a rule between them.
        cases: id of the case that each section shows, so that a chart can select it; empty if sections are no cases.
        note: a line below the title, such as the parameters that all rows share.
        repeated: number of leading columns that every part repeats if the table is too wide for a terminal and is
            split by columns; 0 if it is never split.
        is_sortable: False if the figures of a column are of different kinds.
        below: sentences directly under it.
        brief: what a terminal shows in its place; None for the table itself.
    """

    title: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[tuple[Cell, ...], ...], ...]
    cases: tuple[str, ...] = ()
    note: str = ""
    repeated: int = 0
    is_sortable: bool = True
    below: tuple[Cell, ...] = ()
    brief: Table | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))
        object.__setattr__(self, "note", one_line(self.note))

    def without(self, left_out: Iterable[int]) -> Table:
        """Return the table without the columns at these places, and without rows whose only figures were there.

        The first row of a section stays: it names the case.
        """
        hidden = set(left_out)
        keep = [place for place in range(len(self.columns)) if place not in hidden]
        figures = [place for place in keep if self.columns[place].figure]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in keep),
            sections=tuple(
                tuple(
                    tuple(row[place] for place in keep)
                    for number, row in enumerate(rows)
                    if not (number and figures) or any(row[place] != NO_FIGURE for place in figures)
                )
                for rows in self.sections
            ),
        )

    def parts(self, groups: Iterable[Sequence[int]]) -> Iterator[Table]:
        """Yield the table with each group of columns, after the repeated ones."""
        for group in groups:
            yield self.without(set(range(self.repeated, len(self.columns))) - set(group))


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page, such as one model in one set-up.

    Attributes:
        heading: its heading.
        lines: below the heading.
        tables: one per benchmark.
        remarks: sentences below the tables.
    """

    heading: Cell
    lines: tuple[Cell, ...]
    tables: tuple[Table, ...]
    remarks: tuple[Cell, ...] = ()


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
