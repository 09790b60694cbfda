"""Merge sentences that differ only in their figures into one sentence with ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Alike:
    """Sentences of one shape.

    Attributes:
        text: one sentence for all, with ranges such as ``17 to 30 %``.
        members: the sentences.
    """

    text: str
    members: tuple[str, ...]


def alike(sentences: Iterable[str]) -> Iterator[Alike]:
    """Yield groups of sentences of one shape, in order of first appearance."""
    shapes: dict[str, list[str]] = {}
    for sentence in sentences:
        shapes.setdefault(_FIGURE.sub("#", sentence), []).append(sentence)
    for members in shapes.values():
        yield Alike(_merged(members), tuple(members))


def _merged(members: Sequence[str]) -> str:
    between = _FIGURE.split(members[0])
    columns = zip(*(_FIGURE.findall(member) for member in members), strict=True)
    figures = [_range(column) for column in columns]
    return "".join(text for pair in zip(between, [*figures, ""], strict=True) for text in pair)


def _range(figures: Sequence[str]) -> str:
    ordered = sorted(set(figures), key=lambda figure: float(figure.replace(",", "")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
