"""Spans of one thread, each put into the one that it lies in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time on one thread: a whole step, a forward of a module, or an operator.

    Attributes:
        begin_ns, end_ns: on the clock of the samples.
        step: name, if it is a whole step; empty otherwise.
        module: path, if it is a module; empty otherwise.
        operator: name, if it is an operator; empty otherwise.
    """

    begin_ns: int
    end_ns: int
    step: str = ""
    module: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Nested:
    """A span with its place among the others.

    Attributes:
        span: with the step and the module that it lies in, if it is none itself, and no longer than its parent.
        depth: number of spans that it lies in.
        parent: place of the span that it lies in; -1 if it lies in none.
    """

    span: Span
    depth: int
    parent: int


def nested(spans: Iterable[Span]) -> list[Nested]:
    """Return the spans by their begin, each in the shortest one before it that has its middle.

    Two clocks agree to about a microsecond: a span that sticks out of its parent by so little ends with it.
    """
    found: list[Nested] = []
    open_places: list[int] = []
    for span in sorted(spans, key=lambda each: (each.begin_ns, -each.end_ns)):
        middle_ns = (span.begin_ns + span.end_ns) // 2
        while open_places and found[open_places[-1]].span.end_ns <= middle_ns:
            open_places.pop()
        parent = open_places[-1] if open_places else -1
        found.append(_within(span, found[parent], parent) if open_places else Nested(span, 0, -1))
        open_places.append(len(found) - 1)
    return found


def _within(span: Span, parent: Nested, place: int) -> Nested:
    around = parent.span
    inside = replace(
        span,
        end_ns=min(span.end_ns, around.end_ns),
        step=span.step or around.step,
        module=span.module or around.module,
    )
    return Nested(inside, parent.depth + 1, place)
