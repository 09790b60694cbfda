"""Stretches of time on CLOCK_MONOTONIC_RAW: when a worker existed, when it ran, when a timed window was open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference_bench._native import now_ns

Span = tuple[int, int]
"""Begin and end in nanoseconds on CLOCK_MONOTONIC_RAW."""


class Stretches:
    """Spans of time, the last of which may still be open."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._open_ns: int | None = None

    def begin(self) -> None:
        """Open a span now, unless one is open."""
        if self._open_ns is None:
            self._open_ns = now_ns()

    def end(self) -> None:
        """Close the open span now, if there is one."""
        if self._open_ns is not None:
            self._spans.append((self._open_ns, now_ns()))
            self._open_ns = None

    def until_now(self) -> list[Span]:
        """Return all spans; an open one ends now."""
        return self._spans if self._open_ns is None else [*self._spans, (self._open_ns, now_ns())]

    def total_ns(self) -> int:
        """Return the sum of their lengths in nanoseconds."""
        return sum(end - begin for begin, end in self.until_now())

    def within_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return the nanoseconds that the spans share with one from ``begin_ns`` to ``end_ns``."""
        return sum(
            min(end, end_ns) - max(begin, begin_ns)
            for begin, end in self.until_now()
            if end > begin_ns and begin < end_ns
        )


@dataclass(frozen=True, slots=True)
class Activity:
    """What the loaders beside a measurement did.

    Attributes:
        alive: when one of them existed.
        running: when one of them ran.
    """

    alive: Sequence[Span] = ()
    running: Sequence[Span] = ()
