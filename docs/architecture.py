"""Draw the packages from their imports: writes docs/pictures/architecture.svg and the table in docs/architecture.md.

python docs/architecture.py            write both
python docs/architecture.py --check    exit with 1 where one of them is not current
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import layers

PICTURE = Path(__file__).with_name("pictures") / "architecture.svg"
PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- packages: begin -->\n", "<!-- packages: end -->\n"

_WIDTH, _COLUMN, _ROW, _BOX, _GAP = 980, 240, 58, 38, 8
_COLUMNS = {**dict.fromkeys(layers.MEASURING, 0), **dict.fromkeys(layers.OUTPUT, 2), "live": 3}
_TINTS = {0: "#dbe9f6", 1: "#eeeeee", 2: "#e0f0dd", 3: "#f8e6cf"}
_COLUMN_TITLES = ("measuring", "shared", "output", "live")


@dataclass(frozen=True, slots=True)
class Box:
    """A room in the drawing, in pixels."""

    room: str
    x: float
    y: float
    width: float
    tint: str

    @property
    def middle(self) -> float:
        """Return where arrows begin and end."""
        return self.x + self.width / 2


def needed(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the pairs that no path over other rooms implies (the transitive reduction of a graph without circles)."""
    below: dict[str, set[str]] = {}
    for room, other in pairs:
        below.setdefault(room, set()).add(other)

    def reached(room: str) -> set[str]:
        return {far for other in below.get(room, ()) for far in {other, *reached(other)}}

    return {
        (room, other)
        for room, others in below.items()
        for other in others
        if not any(other in reached(between) for between in others - {other})
    }


def boxes() -> dict[str, Box]:
    """Return where each room stands: its floor is the row, its wing the column."""
    found = {}
    for floor, rooms in enumerate(layers.ORDER):
        by_column: dict[int, list[str]] = {}
        for room in rooms.split():
            by_column.setdefault(_COLUMNS.get(room, 1), []).append(room)
        for column, names in by_column.items():
            width = (_COLUMN - _GAP * (len(names) + 1)) / len(names)
            for position, room in enumerate(names):
                x = 10 + column * _COLUMN + _GAP + position * (width + _GAP)
                y = 40 + (len(layers.ORDER) - 1 - floor) * _ROW
                found[room] = Box(room, x, y, width, _TINTS[column])
    return found


def drawing(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the SVG."""
    places = boxes()
    height = 40 + len(layers.ORDER) * _ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="The packages and what they import">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#777777"/></marker></defs>',
    ]
    for column, title in enumerate(_COLUMN_TITLES):
        lines.append(f'<text x="{10 + column * _COLUMN + _GAP}" y="24" fill="#555555">{title}</text>')
    lines += [_arrow(places[room], places[other]) for room, other in sorted(needed(pairs))]
    lines += [_drawn(box) for box in places.values()]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(box: Box, other: Box) -> str:
    begin, end = box.y + _BOX, other.y
    bend = min(40.0, (end - begin) / 2)
    path = f"M{box.middle:.0f} {begin:.0f}C{box.middle:.0f} {begin + bend:.0f} {other.middle:.0f} {end - bend:.0f}"
    return f'<path d="{path} {other.middle:.0f} {end:.0f}" fill="none" stroke="#999999" marker-end="url(#tip)"/>'


def _drawn(box: Box) -> str:
    size = min(13.0, box.width / (0.62 * len(box.room)))
    return (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{_BOX}" rx="5" fill="{box.tint}" '
        f'stroke="#888888"/><text x="{box.middle:.0f}" y="{box.y + 24:.0f}" text-anchor="middle" '
        f'font-size="{size:.1f}">{escape(box.room)}</text>'
    )


def table() -> str:
    """Return the packages from the top floor down, with the first sentence of each docstring."""
    rows = ["| package | what it holds |", "|---|---|"]
    for rooms in reversed(layers.ORDER):
        for room in rooms.split():
            if room in layers.files():
                about = (ast.get_docstring(ast.parse(layers.files()[room].read_text())) or "").partition("\n\n")[0]
                rows.append(f"| `{room}` | {' '.join(about.split())} |")
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """Return the page with its table made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE}: expected the marks {BEGIN!r} and {END!r}")
    return before + BEGIN + table() + END + after


def main(check: bool) -> int:
    """Write what is not current, or only name it; return the exit status."""
    made = {PICTURE: drawing(layers.between_rooms(layers.graph())), PAGE: page(PAGE.read_text())}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path}: {'not current; run python docs/architecture.py' if check else 'written'}")
        if not check:
            path.write_text(made[path])
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
