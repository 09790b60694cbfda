"""Lines of ``watch``: a screen of a given size, or the whole as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from inference_bench.cli._watch.look import HELP, Look
from inference_bench.cli._watch.names import constant_labels, cut_names, label_text, row_names
from inference_bench.cli._watch.rows import History, Plain, Row
from inference_bench.text import one_line
from inference_bench.units import NS_PER_S, format_bytes, format_ns

_BARS = "▁▂▃▄▅▆▇█"
_SHORTEST_NAME, _SHORTEST_BARS = 16, 6
_WHOLE_NAME = 10_000
_COUNTS = ((10**18, "E"), (10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"))


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one heading, with the names that tell them apart."""

    heading: str
    rows: Sequence[Row]
    names: Sequence[str]


class View:
    """The processes that are watched, as lines of text.

    Args:
        look: what to show of them.
    """

    def __init__(self, look: Look | None = None) -> None:
        self.look = look or Look()
        self.page_rows = 1
        self._histories: dict[str, History] = {}
        self._ended: dict[str, str] = {}

    def add(self, snapshot: Plain, target: str = "") -> None:
        """Add the next snapshot of a target."""
        self._histories.setdefault(target, History()).add(snapshot)

    def end(self, target: str, reason: str) -> None:
        """Keep the last snapshot of a target that answers no more, and show the reason beside it."""
        self._ended[target] = reason

    def page(self, width: int) -> list[Text]:
        """Return everything, with whole names; the first one covers the whole time since the start."""
        sections = self._sections()
        columns = _Columns(width, [name for section in sections for name in section.names], folds=True)
        lines = [*self._head(width), columns.heading()]
        for section in sections:
            lines += [_title(section.heading, _WHOLE_NAME)] if section.heading else []
            for row, name in zip(section.rows, section.names, strict=True):
                lines += columns.lines(name, row)
        return [*lines, *self._nothing()]

    def screen(self, width: int, height: int) -> list[Text]:
        """Return at most ``height`` lines of at most ``width`` cells; what does not fit is counted in one of them."""
        head = self._head(width)[: max(height - 3, 1)]
        room = max(height - len(head) - 2, 0)
        if self.look.is_help:
            return _fit([*head, *map(Text, HELP[: room + 1])], self._keys(width), width, height)
        columns, body = self._body(width, room)
        return _fit([*head, columns.heading(), *body, *self._nothing()], self._keys(width), width, height)

    def _body(self, width: int, room: int) -> tuple[_Columns, list[Text]]:
        sections = self._sections()
        columns = _Columns(width, [name for section in sections for name in section.names])
        cut = [cut_names(section.names, columns.name) for section in sections]
        flat = [
            (place, columns.lines(name, row)[0])
            for place, section in enumerate(sections)
            for row, name in zip(section.rows, cut[place], strict=True)
        ]
        headings = [section.heading for section in sections]
        first, last = _window([place for place, _ in flat], headings, self.look.first, room)
        self.look.first, self.page_rows = first, max(last - first, 1)
        body: list[Text] = []
        for number in range(first, last):
            place, line = flat[number]
            if headings[place] and (number == first or flat[number - 1][0] != place):
                body.append(_title(headings[place], width))
            body.append(line)
        if first or last < len(flat):
            body.append(_more(first, len(flat) - last))
        return columns, body

    def _sections(self) -> list[Section]:
        """Return the rows by process and group, or all in one section."""
        several = len(self._histories) > 1
        rows = self.look.chosen([row for history in self._histories.values() for row in history.rows])
        found: dict[tuple[int, str], list[Row]] = {}
        order = {(row.process, row.group): None for history in self._histories.values() for row in history.rows}
        for key in order if self.look.grouped else ():
            found[key] = [row for row in rows if (row.process, row.group) == key]
        if not self.look.grouped:
            found[0, ""] = [_of_process(row) for row in rows] if several else rows
        return [_section(process, group, members, several) for (process, group), members in found.items() if members]

    def _head(self, width: int) -> list[Text]:
        """Return a line per process, and one for each thing that is wrong there."""
        lines = []
        for target, history in self._histories.items():
            lines.append(Text(_joined(_facts(history), width), style="bold", no_wrap=True))
            lines += [Text(text, style="bold red") for text in _warnings(history.now)]
            if target in self._ended:
                lines.append(Text(one_line(self._ended[target]), style="bold red"))
        return lines

    def _nothing(self) -> list[Text]:
        if self.look.words and not any(self.look.chosen(history.rows) for history in self._histories.values()):
            return [Text(f"no row has the words {self.look.words!r}", style="dim")]
        return []

    def _keys(self, width: int) -> Text:
        if self.look.is_typing:
            return Text(f"/{self.look.words}▏ Enter keeps, Esc clears", style="reverse")
        words = f": {self.look.words}" if self.look.words else ""
        keys = ("q quit", f"s sort: {self.look.sort}", f"/ filter{words}", "? help", "↓↑ scroll", "g groups")
        return Text(_joined(keys, width), style="dim")


class _Columns:
    """The columns that fit into a width; a narrow terminal has fewer."""

    def __init__(self, width: int, names: Sequence[str], *, folds: bool = False) -> None:
        longest = max([_SHORTEST_NAME, *map(cell_len, names)])
        self.headings = {"per s": 10, "total": 10, "p50": 8, "p99": 8}
        if width - self._numbers() < _SHORTEST_NAME and not folds:
            self.headings = {"per s": 8, "p50, total": 10}
        room = max(width - self._numbers(), _SHORTEST_NAME if folds else 1)
        self.name = min(longest, room)
        self.bars = min(room - self.name - 2, 30)
        if self.bars < _SHORTEST_BARS:
            self.bars = 0
            self.name = room if longest > room else min(longest + 8, room)

    def _numbers(self) -> int:
        return sum(cells + 1 for cells in self.headings.values())

    def heading(self) -> Text:
        """Return the line of headings."""
        line = set_cell_size("series", self.name) + "".join(
            f" {heading:>{cells}}" for heading, cells in self.headings.items()
        )
        return Text(f"{line}  p50, recent" if self.bars >= 11 else line, style="dim", no_wrap=True)

    def lines(self, name: str, row: Row) -> list[Text]:
        """Return a row; a name that is too long goes on in further lines."""
        shown = {"per s": _rate(row), "total": _total(row), "p50": _time(row.p50), "p99": _time(row.p99)}
        shown["p50, total"] = shown["p50"] or shown["total"]
        parts = chop_cells(name, self.name) or [""]
        line = set_cell_size(parts[0], self.name)
        line += "".join(f" {shown[heading]:>{cells}}" for heading, cells in self.headings.items())
        bars = f"  {sparkline(row.recent[-self.bars :])}" if self.bars else ""
        return [Text((line + bars).rstrip(), no_wrap=True), *(Text(part) for part in parts[1:])]


def _section(process: int, group: str, rows: Sequence[Row], several: bool) -> Section:
    constant = constant_labels(rows)
    words = [f"process {process}"] if several and group else []
    words += [word for word in (group, label_text(constant.items())) if word]
    return Section(" · ".join(words), rows, row_names(rows, constant))


def _of_process(row: Row) -> Row:
    return replace(row, labels=(("process", str(row.process)), *row.labels))


def _window(places: Sequence[int], headings: Sequence[str], first: int, room: int) -> tuple[int, int]:
    """Return the first row and the end of those that fit, with the headings above them and the line below.

    ``first`` moves back where rows at the end would leave lines empty.
    """
    count = len(places)

    def lines(begin: int, end: int) -> int:
        titles = sum(
            bool(headings[places[n]]) and (n == begin or places[n] != places[n - 1]) for n in range(begin, end)
        )
        return end - begin + titles

    if lines(0, count) <= room:
        return 0, count
    first = min(first, count - 1)
    while first and lines(first - 1, count) <= room - 1:
        first -= 1
    last = first + 1
    while last < count and lines(first, last + 1) <= room - 1:
        last += 1
    return first, last


def _more(above: int, below: int) -> Text:
    parts = [f"{below} more rows below: ↓, or / to filter"] if below else []
    parts += [f"{above} above: ↑"] if above else []
    return Text(" · ".join(parts), style="yellow")


def _fit(lines: Sequence[Text], keys: Text, width: int, height: int) -> list[Text]:
    """Return the lines on a screen, with the keys in its last line."""
    lines = lines[: height - 1]
    found = [*lines, *(Text() for _ in range(height - 1 - len(lines))), keys]
    for line in found:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return found


def _title(heading: str, width: int) -> Text:
    line = Text(heading, style="bold cyan")
    line.truncate(width, overflow="ellipsis")
    return line


def _facts(history: History) -> Iterator[str]:
    """Yield what the head says of a process, the most important first."""
    now, cost = history.now, history.now["cost"]
    yield f"{one_line(now['name'])} · process {now['pid']} · up {_uptime(now['uptime_ns'])}"
    yield f"last {history.seconds:.1f} s" if history.before else "since its start"
    yield f"profiling {cost['duty']:.2%} of a core"
    yield "every request in detail" if cost["every"] == 1 else f"1 request in {cost['every']:,} in detail"
    yield f"{format_bytes(now['memory_bytes'])} of at most {format_bytes(now['memory_limit_bytes'])} held"


def _warnings(now: Plain) -> Iterator[str]:
    cost, lost = now["cost"], now["recording"]["lost"]
    if not now.get("running", True):
        yield "the profiler is not running: nothing is recorded. Call start() in that process."
    if cost["over_budget"]:
        yield f"profiling takes more than its budget: {cost['duty']:.2%} of a core, at most {cost['budget']:.2%}"
    if lost:
        yield f"{lost:,} of {now['recording']['made']:,} span records were overwritten before they were read"


def _joined(parts: Sequence[str] | Iterator[str], width: int) -> str:
    """Join as many parts as fit; the first one always stands."""
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else part
        if line and cell_len(longer) > width:
            break
        line = longer
    return line


def sparkline(values: Sequence[float]) -> str:
    """Return one character per value, from the lowest to the highest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    steps = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_BARS[round((value - low) / steps)] for value in values)


def _rate(row: Row) -> str:
    if row.rate is None:
        return ""
    if row.name.endswith("_bytes"):
        return format_bytes(row.rate)
    return f"{row.rate:,.1f}" if abs(row.rate) < 10**6 else _count(row.rate)


def _total(row: Row) -> str:
    if row.name.endswith("_bytes") and isfinite(row.total):
        return format_bytes(row.total)
    return f"{row.total:g}" if row.kind == "gauge" else _count(row.total)


def _count(number: float) -> str:
    """Return a count in at most ten characters."""
    if abs(number) < 10**7:
        return f"{number:,.0f}"
    size, unit = next((size, unit) for size, unit in _COUNTS if abs(number) >= size)
    return f"{number / size:,.2f} {unit}"


def _time(value_ns: float | None) -> str:
    return "" if value_ns is None else format_ns(value_ns)


def _uptime(time_ns: int) -> str:
    minutes = time_ns // (60 * NS_PER_S)
    if minutes < 2:
        return format_ns(time_ns)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
