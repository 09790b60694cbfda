"""What a person chose to see of the rows, and how keys change it."""

from __future__ import annotations

from dataclasses import dataclass

from inference_bench.cli._watch.rows import Row

SORTS = ("kind", "name", "rate", "total", "p50", "p99")
"""Orders of rows; ``kind`` is latencies, counters, gauges, each as the process made them."""

HELP = (
    "q, Ctrl-C     quit; the watched process goes on",
    "↓ j, ↑ k      one row down, up; also PgDn and PgUp, Home and End",
    "s             sort by " + ", ".join(SORTS),
    "/             show only rows with these words; Enter keeps them, Esc clears",
    "g             groups on and off",
    "?             this help on and off",
    "",
    "Rates, p50 and p99 are those of the last interval; total is since the start.",
    "Labels that are equal in all rows of a group stand in its heading.",
)


@dataclass(slots=True)
class Look:
    """Order, filter and place.

    Attributes:
        sort: one of ``SORTS``.
        words: rows without each of these words are hidden; upper and lower case are one.
        grouped: whether groups have headings.
        first: number of the first row on the screen.
        is_help: whether the help is shown instead of rows.
        is_typing: whether keys are words of the filter.
    """

    sort: str = "kind"
    words: str = ""
    grouped: bool = True
    first: int = 0
    is_help: bool = False
    is_typing: bool = False

    def chosen(self, rows: list[Row]) -> list[Row]:
        """Return the rows to show, in order."""
        words = self.words.lower().split()
        found = [row for row in rows if all(word in row.text.lower() for word in words)]
        if self.sort == "kind":
            return found
        if self.sort == "name":
            return sorted(found, key=lambda row: (row.name, row.labels))
        return sorted(found, key=lambda row: -_number(getattr(row, self.sort)))

    def press(self, key: str, page: int) -> bool:
        """Change by one key, and return whether to go on.

        Args:
            key: a character, or a name of ``keys.NAMES``.
            page: rows on one screen.
        """
        if self.is_typing:
            self._type(key)
        elif key == "q":
            return False
        elif key in ("s", "g", "/", "?", "escape"):
            self._choose(key)
        else:
            steps = {"down": 1, "j": 1, "up": -1, "k": -1, "pgdn": page, " ": page, "pgup": -page}
            places = {"home": 0, "end": 1 << 30}
            self.first = max(places.get(key, self.first + steps.get(key, 0)), 0)
        return True

    def _choose(self, key: str) -> None:
        if key == "s":
            self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        elif key == "g":
            self.grouped = not self.grouped
        elif key == "?":
            self.is_help = not self.is_help
        elif key == "/":
            self.is_typing, self.is_help = True, False
        else:
            self.words, self.is_help = "", False
        self.first = 0

    def _type(self, key: str) -> None:
        if key == "enter":
            self.is_typing = False
        elif key == "escape":
            self.words, self.is_typing = "", False
        elif key == "backspace":
            self.words = self.words[:-1]
        elif len(key) == 1:
            self.words += key
        self.first = 0


def _number(value: float | None) -> float:
    """Return a value to sort by; those without one, also NaN, come last."""
    return value if value is not None and value == value else float("-inf")
