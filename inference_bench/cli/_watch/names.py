"""Names of rows: labels that are equal in all of them stand once in the heading, and no two names are equal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from inference_bench.cli._watch.rows import Row
from inference_bench.text import one_line

_BARE = ("method", "route", "status", "code", "model")
"""Labels whose values need no name, in the order in which they are shown."""


def constant_labels(rows: Sequence[Row]) -> dict[str, str]:
    """Return the labels that have one value wherever they occur, unless only the label tells two rows apart."""
    values: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for label, value in row.labels:
            values[label].add(value)
    named = Counter((row.kind, row.name) for row in rows)
    with_label = Counter((row.kind, row.name, label) for row in rows for label, _ in row.labels)
    mixed = {label for kind, name, label in with_label if with_label[kind, name, label] != named[kind, name]}
    return {label: next(iter(found)) for label, found in values.items() if len(found) == 1 and label not in mixed}


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as words, such as ``POST /v1/chat 200 exporter=otlp``."""
    found = dict(labels)
    words = [found.pop(label) for label in _BARE if label in found]
    return one_line(" ".join([*words, *(f"{label}={value}" for label, value in found.items())]))


def row_names(rows: Sequence[Row], constant: dict[str, str]) -> list[str]:
    """Return one name per row, without the constant labels; names that would be equal are written out."""
    short = [_name(row, [pair for pair in row.labels if pair[0] not in constant]) for row in rows]
    whole = [f"{name} ({row.kind})" for name, row in zip(short, rows, strict=True)]
    written = [f"{row.name}{dict(row.labels)} ({row.kind})" for row in rows]
    return _numbered(_replace_equal(_replace_equal(short, whole), [one_line(text) for text in written]))


def cut_names(names: Sequence[str], width: int) -> list[str]:
    """Return names of at most ``width`` cells; no two become equal that were not.

    A long name loses its middle. Where names become equal by that, each loses its beginning instead, up to where they
    begin to differ.
    """
    cut = [_without_middle(name, width) for name in names]
    alike: dict[str, list[str]] = defaultdict(list)
    for name, text in zip(names, cut, strict=True):
        alike[text].append(name)
    for place, (name, text) in enumerate(zip(names, cut, strict=True)):
        if len(alike[text]) > 1:
            begin = max(_common(alike[text]) - 1, 0)
            cut[place] = _begin(f"…{name[begin:]}", width)
    return _numbered(cut, lambda text, number: _begin(text, width - len(number)) + number)


def _name(row: Row, labels: Iterable[tuple[str, str]]) -> str:
    return one_line(f"{row.name} {label_text(labels)}")


def _replace_equal(names: Sequence[str], others: Sequence[str]) -> list[str]:
    count = Counter(names)
    return [other if count[name] > 1 else name for name, other in zip(names, others, strict=True)]


def _numbered(names: Sequence[str], join: Callable[[str, str], str] = str.__add__) -> list[str]:
    """Return names where each that occurred before has a number behind it."""
    seen: set[str] = set()
    found = []
    for name in names:
        number, text = 1, name
        while text in seen:
            number += 1
            text = join(name, f"#{number}")
        seen.add(text)
        found.append(text)
    return found


def _common(texts: Sequence[str]) -> int:
    """Return the number of first characters that all texts share."""
    low, high = min(texts), max(texts)
    return next((place for place, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1]), len(low))


def _without_middle(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    tail = _begin(text[::-1], (width - 1) // 2)[::-1]
    return f"{_begin(text, width - 1 - cell_len(tail))}…{tail}"


def _begin(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, max(width, 0))
